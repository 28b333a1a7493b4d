export * from './notifications.ts';
export * from './objects.ts';
export * from './routes.ts';
export * from './support.ts';
