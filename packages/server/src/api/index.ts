export { openDoors, type Doors, type DoorsNeeds } from './open-doors.ts';
export type { Brief, Rooms, SidecarPhase } from './rooms.ts';
