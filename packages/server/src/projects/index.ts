export { ProjectStore } from './project-store.ts';
export { Projects } from './projects.ts';
