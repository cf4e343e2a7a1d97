export { createOpenApi } from './document.ts';
export { addDocumentRoutes } from './routes.ts';
