/** What one look of the doctor came to. */
export interface DoctorFinding {
  /** What was looked at. */
  readonly what: string;
  /** `ok`; `warning`: works, but look at it; `fault`: something does not work; `unknown`: it could not be told. */
  readonly state: 'ok' | 'warning' | 'fault' | 'unknown';
  /** What was seen, in words. */
  readonly seen: string;
  /** What to do about it; null: nothing. */
  readonly advice: string | null;
}

/** All is well with what was looked at. */
export function ok(what: string, seen: string): DoctorFinding {
  return { what, state: 'ok', seen, advice: null };
}

/** It works, but somebody should look at it. */
export function warning(what: string, seen: string, advice: string): DoctorFinding {
  return { what, state: 'warning', seen, advice };
}

/** It does not work. */
export function fault(what: string, seen: string, advice: string): DoctorFinding {
  return { what, state: 'fault', seen, advice };
}

/** It could not be told. */
export function unknown(what: string, seen: string): DoctorFinding {
  return { what, state: 'unknown', seen, advice: null };
}
