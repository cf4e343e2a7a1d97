export { createContextInjector, type ContextInjector, type ContextInjectorOptions } from './injector.ts';
export type { ContextRequest, FileAnswer, FileRequest } from './request.ts';
export { projectLanguages } from './project-languages.ts';
export { treeHash } from './tree-hash.ts';
export { renderMarkdown } from './markdown.ts';
