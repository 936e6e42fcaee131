/** The build's version, set by vite.config.ts. */
declare const __RELEASE__: string;
