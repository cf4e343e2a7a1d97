export { CacheSweep } from './cache/cache-sweep.ts';
export { createContextInjector, type ContextInjector, type ContextInjectorOptions } from './injector.ts';
export type { ContextRequest, FileAnswer, FileRequest } from './request.ts';
export { projectLanguages } from './project-languages.ts';
export { treeHashUnlessOpen } from './git-breaker.ts';
export { renderMarkdown } from './markdown.ts';
