export * from './events.ts';
export * from './message-types.ts';
export * from './notifications.ts';
export * from './objects.ts';
export * from './projects.ts';
export * from './preferences.ts';
export * from './routes.ts';
export * from './uploads.ts';
