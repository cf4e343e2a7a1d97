import { availableParallelism, cpus, loadavg } from 'node:os';

/** One measured number. */
export interface Measure {
  readonly part: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly note?: string;
}

/** Collects numbers; prints them as a table for people and as one line of JSON for programs. */
export class Report {
  readonly #measures: Measure[] = [];
  readonly #skipped: string[] = [];

  add(measure: Measure): void {
    this.#measures.push(measure);
    const { part, what, value, unit, note } = measure;
    console.log(
      `${part.padEnd(11)} ${what.padEnd(58)} ${format(value).padStart(11)} ${unit}${note ? `   ${note}` : ''}`,
    );
  }

  skip(why: string): void {
    this.#skipped.push(why);
    console.log(`skipped: ${why}`);
  }

  print(): void {
    const machine = { cpu: cpus()[0]?.model, cores: availableParallelism(), load: loadavg()[0], node: process.version };
    console.log(JSON.stringify({ machine, measures: this.#measures, skipped: this.#skipped }));
  }
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2);
}
