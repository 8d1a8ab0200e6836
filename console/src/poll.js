// Looking again and again, for as long as somebody looks.

const EVERY_MILLISECONDS = 3000;
const AFTER_FAILURE_MILLISECONDS_MAX = 60000;
/** What ends a pause: something was just changed here, or the network is back. */
const SOONER = ["look-now", "online"];

/**
 * Does `look` now and every few seconds until `signal`; rests while the tab is hidden, and longer after failures. `failed` is
 * told of each failure, with the moment of the last look that was none (null: there was none yet), and of its end with null.
 */
export async function poll(signal, look, failed) {
  let failures = 0;
  let seenAt = null;
  while (!signal.aborted) {
    if (!document.hidden) {
      try {
        await look();
        failures = 0;
        seenAt = new Date().toISOString();
        if (!signal.aborted) failed(null);
      } catch (error) {
        failures += 1;
        if (!signal.aborted) failed(error, seenAt);
      }
    }
    const wait = Math.min(EVERY_MILLISECONDS * 2 ** failures, AFTER_FAILURE_MILLISECONDS_MAX);
    await pause(wait, signal);
  }
}

/** Waits, unless the signal or a look at the tab comes first. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", end);
      for (const event of SOONER) window.removeEventListener(event, end);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    document.addEventListener("visibilitychange", end);
    for (const event of SOONER) window.addEventListener(event, end);
    signal.addEventListener("abort", end);
  });
}

/** Ends the pause of whoever polls: something was just changed here. */
export function lookNow() {
  window.dispatchEvent(new Event("look-now"));
}
