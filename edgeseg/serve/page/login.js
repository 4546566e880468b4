// Changes the token for a cookie. A token after # never leaves the browser but in this request.

const form = document.getElementById('login');
const problem = document.getElementById('problem');

async function enter(token) {
  const answer = await fetch('/login', { method: 'POST', body: token }).catch(() => null);
  if (answer?.ok) {
    location.replace('/');
    return;
  }
  problem.textContent = answer ? 'This is not the token of this run.' : 'No connection; try again.';
}

function fromAddress() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return;
  history.replaceState(null, '', '/');
  enter(decodeURIComponent(found[1]));
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  enter(form.elements.token.value.trim());
});
addEventListener('hashchange', fromAddress);
if (new URLSearchParams(location.search).has('token')) {
  history.replaceState(null, '', '/');
  problem.textContent = 'This is not the token of this run.';
}
fromAddress();
