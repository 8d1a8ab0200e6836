// Looking again and again, for as long as somebody looks.

const EVERY_MILLISECONDS = 3000;
const AFTER_FAILURE_MILLISECONDS_MAX = 60000;

/** Does `look` now and every few seconds until `signal`; rests while the tab is hidden, and longer after failures. */
export async function poll(signal, look, failed) {
  let failures = 0;
  while (!signal.aborted) {
    if (!document.hidden) {
      try {
        await look();
        failures = 0;
        if (!signal.aborted) failed(null);
      } catch (error) {
        failures += 1;
        if (!signal.aborted) failed(error);
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
      window.removeEventListener("look-now", end);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    document.addEventListener("visibilitychange", end);
    window.addEventListener("look-now", end);
    signal.addEventListener("abort", end);
  });
}

/** Ends the pause of whoever polls: something was just changed here. */
export function lookNow() {
  window.dispatchEvent(new Event("look-now"));
}
