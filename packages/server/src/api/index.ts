export { Dispatcher, type DoorCall } from './dispatcher.ts';
export { Guard } from './guard.ts';
export { HttpServer } from './http-server.ts';
export { implementContract } from './procedures/index.ts';
export type { Brief, Rooms, SidecarPhase } from './rooms.ts';
export { WebSocketDoor } from './websocket.ts';
