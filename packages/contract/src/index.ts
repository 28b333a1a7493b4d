export * from './declare.ts';
export * from './errors.ts';
export * from './limits.ts';
export * from './problem.ts';
export * from './values.ts';
export * from './notification-types.ts';
export * as allawzi from './allawzi/index.ts';
export { camelClientEvents, camelServerEvents, type SyncPage } from './camel.ts';
export * as v2 from './v2/index.ts';
