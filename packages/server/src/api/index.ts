export { openDoors, type Doors } from './open-doors.ts';
export type { Brief, Rooms, SidecarPhase } from './rooms.ts';
