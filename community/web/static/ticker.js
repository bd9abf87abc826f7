// Browsers slow the timers of hidden tabs down to one a minute, but not those of a worker.
setInterval(() => postMessage(null), 1000);
