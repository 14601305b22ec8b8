/** Loaded before a controller whose memory is measured: a full collection on demand (needs --expose-gc). */
process.on('SIGUSR2', () => globalThis.gc?.())
