export * from './events.ts';
export * from './message-types.ts';
export * from './objects.ts';
export * from './routes.ts';
