export { createContextInjector, type ContextInjector, type ContextInjectorOptions } from './injector.ts';
export type { ContextRequest, FileAnswer, FileRequest } from './request.ts';
