import { TRPCError } from '@trpc/server';
import { ERRORS, SidecarError, toProblem, type Problem } from '@orchestration-sidecar/shared';

/** JSON-RPC numbers of tRPC’s codes, as its clients know them. */
const JSON_RPC_CODES = {
  BAD_REQUEST: -32600,
  UNAUTHORIZED: -32001,
  FORBIDDEN: -32003,
  NOT_FOUND: -32004,
  METHOD_NOT_SUPPORTED: -32005,
  TIMEOUT: -32008,
  CONFLICT: -32009,
  PRECONDITION_FAILED: -32012,
  PAYLOAD_TOO_LARGE: -32013,
  UNSUPPORTED_MEDIA_TYPE: -32015,
  TOO_MANY_REQUESTS: -32029,
  CLIENT_CLOSED_REQUEST: -32099,
  INTERNAL_SERVER_ERROR: -32603,
  SERVICE_UNAVAILABLE: -32603,
} as const;

/** The error as a tRPC client gets it: the usual shape, with the problem document in `data.problem`. */
export interface TrpcErrorShape {
  readonly code: number;
  readonly message: string;
  readonly data: {
    readonly code: string;
    readonly httpStatus: number;
    readonly path: string | undefined;
    readonly problem: Problem;
  };
}

/** Renders an error for tRPC. */
export function trpcErrorShape(error: SidecarError, path: string | undefined, correlationId: string): TrpcErrorShape {
  const { rpc, http } = ERRORS[error.code];
  return {
    code: JSON_RPC_CODES[rpc],
    message: error.detail,
    data: { code: rpc, httpStatus: http, path, problem: toProblem(error, correlationId) },
  };
}

/** Wraps an error for tRPC’s own adapters. */
export function toTrpcError(error: SidecarError): TRPCError {
  const { rpc } = ERRORS[error.code];
  return new TRPCError({ code: rpc, message: error.detail, cause: error });
}

/** Finds the error behind what tRPC’s own adapters report, faults of the protocol included. */
export function fromTrpcError(error: TRPCError): SidecarError {
  if (error.cause instanceof SidecarError) return error.cause;
  if (error.code === 'NOT_FOUND') return new SidecarError('ROUTE_NOT_FOUND', error.message.slice(0, 200));
  if (error.code === 'METHOD_NOT_SUPPORTED') return new SidecarError('METHOD_NOT_ALLOWED', error.message.slice(0, 200));
  if (error.code === 'UNSUPPORTED_MEDIA_TYPE') return new SidecarError('MEDIA_TYPE_UNSUPPORTED');
  if (error.code === 'PARSE_ERROR' || error.code === 'BAD_REQUEST') return new SidecarError('JSON_INVALID');
  if (error.code === 'PAYLOAD_TOO_LARGE') return new SidecarError('PAYLOAD_TOO_LARGE');
  return new SidecarError('INTERNAL', undefined, { cause: error });
}
