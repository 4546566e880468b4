// The connection: one message at a time, each answered when it is dealt with; comes back by itself.

const SILENCE_MS = 5000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;

// Calls `hello(status)` first, then `status(status)` and `picture(buffer)` as they come, and
// `state(name)` on every change: connected, paused, gone, full, token.
export function connect({ hello, status, picture, state }) {
  let socket = null;
  let pauseMs = FIRST_PAUSE_MS;
  let timer = 0;
  let silence = 0;

  function open() {
    clearTimeout(timer);
    if (document.hidden || socket) return;
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const mine = new WebSocket(`${scheme}://${location.host}/watch`);
    socket = mine;
    mine.binaryType = 'arraybuffer';
    let greeted = false;
    heard(mine);
    mine.onmessage = async (event) => {
      heard(mine);
      if (typeof event.data !== 'string') await picture(event.data);
      else if (greeted) status(JSON.parse(event.data));
      else {
        greeted = true;
        pauseMs = FIRST_PAUSE_MS;
        state('connected');
        hello(JSON.parse(event.data));
      }
      if (mine.readyState === WebSocket.OPEN) mine.send('done');
    };
    mine.onclose = () => lost(mine);
  }

  // A phone that left the network hears nothing of the end.
  function heard(mine) {
    clearTimeout(silence);
    silence = setTimeout(() => {
      mine.close();
      lost(mine);
    }, SILENCE_MS);
  }

  async function lost(mine) {
    if (mine !== socket) return;
    socket = null;
    clearTimeout(silence);
    if (document.hidden) return;
    state(await reason());
    clearTimeout(timer);
    timer = setTimeout(open, pauseMs);
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  }

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) {
      open();
    } else if (socket) {
      // Nobody looks: the device need not encode.
      const mine = socket;
      socket = null;
      clearTimeout(silence);
      mine.close();
      state('paused');
    }
  });
  open();
}

// A browser does not say why a WebSocket was refused, so ask.
async function reason() {
  try {
    const answer = await fetch('/status', { signal: AbortSignal.timeout(2000) });
    if (answer.status === 401) return 'token';
    const { viewers } = await answer.json();
    return viewers.now >= viewers.most ? 'full' : 'gone';
  } catch {
    return 'gone';
  }
}
