// The shop works without this file. With it: recommendations appear in place, countdowns run,
// stock moves, and one click is one order.
'use strict'
const page = document.body
const all = (selector) => [...document.querySelectorAll(selector)]
let clockErrorMs = 0
const now = () => Date.now() + clockErrorMs

function tell(event, alive) {
  return fetch('/events', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(event),
    keepalive: alive === true,
  }).catch(() => undefined)
}

async function fill(block) {
  try {
    const answer = await fetch(block.dataset.fragment, { headers: { accept: 'text/html' } })
    if (!answer.ok) throw new Error(String(answer.status))
    block.innerHTML = await answer.text()
  } catch {
    block.hidden = true
  }
}

function two(number) {
  return String(number).padStart(2, '0')
}

function tick() {
  for (const time of all('time[data-until]')) {
    const left = Math.max(0, Math.ceil((Number(time.dataset.until) - now()) / 1000))
    const days = Math.floor(left / 86400)
    const rest = left % 86400
    const text = `${two(Math.floor(rest / 3600))}:${two(Math.floor((rest % 3600) / 60))}:${two(rest % 60)}`
    time.textContent = days > 0 ? `${days}d ${text}` : text
    if (left === 0 && time.dataset.reload === '1') {
      delete time.dataset.reload
      setTimeout(() => location.reload(), 1500)
    }
  }
  for (const form of all('form[data-phase]')) {
    const button = form.querySelector('button')
    button.dataset.label ??= button.textContent
    const early = form.dataset.starts !== '' && now() < Number(form.dataset.starts)
    const late = form.dataset.ends !== '' && now() >= Number(form.dataset.ends)
    const gone = form.dataset.phase === 'sold_out'
    button.disabled = early || late || gone || form.dataset.sent === '1'
    button.textContent = late
      ? form.dataset.ended
      : gone
        ? form.dataset.soldOut
        : button.dataset.label
  }
}

async function refreshStock() {
  const blocks = all('[data-stock]')
  if (blocks.length === 0 || document.hidden) return
  try {
    const answer = await fetch('/live/sale.json')
    if (!answer.ok) throw new Error(String(answer.status))
    const live = await answer.json()
    const age = Number(answer.headers.get('age') || 0) * 1000
    clockErrorMs = live.nowMs + age - Date.now()
    for (const block of blocks) {
      const offer = live.offers[block.dataset.stock]
      block.classList.toggle('fresh', offer !== undefined)
      if (!offer) continue
      block.querySelector('[data-remaining]').textContent = offer.remaining
      block.querySelector('[data-total]').textContent = offer.total
      block.querySelector('progress').value =
        offer.total > 0 ? Math.ceil((100 * offer.remaining) / offer.total) : 0
      for (const form of all(`form[action$="/sale/${block.dataset.stock}/buy"]`)) {
        form.dataset.phase = offer.phase
      }
    }
  } catch {
    for (const block of blocks) block.classList.remove('fresh')
  }
}

for (const form of all('form.buy')) {
  const key = form.querySelector('input[name=key]')
  // The key stays the same until an answer came: a second click or a resend is the same order.
  if (key && key.value === '' && window.crypto && crypto.getRandomValues) {
    key.value = [...crypto.getRandomValues(new Uint8Array(16))]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('')
  }
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent === '1') event.preventDefault()
    form.dataset.sent = '1'
  })
}
// Back from the cache of the browser: a new visit is a new attempt.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload()
})
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[data-click]')
  if (link)
    void tell({ type: 'click', itemId: link.dataset.click, requestId: link.dataset.request }, true)
})

for (const note of all('[data-refresh]')) {
  const delay = Number(note.dataset.refresh)
  if (delay > 0) setTimeout(() => location.replace(location.pathname), delay)
}

// The waiting room: the place as it changes. Whenever the kind of page changes, it is asked for anew.
for (const room of all('[data-wait]')) {
  const source = new EventSource(room.dataset.wait)
  source.addEventListener('position', (event) => {
    const at = JSON.parse(event.data)
    clockErrorMs = Date.parse(at.now) - Date.now()
    if (at.status !== room.dataset.status) {
      source.close()
      location.reload()
      return
    }
    if (at.ahead === undefined) return
    const ahead = room.querySelector('[data-ahead]')
    if (ahead) ahead.textContent = at.ahead.toLocaleString(document.documentElement.lang)
    const bar = room.querySelector('progress')
    if (bar) bar.value = at.place > 0 ? Math.floor((100 * (at.place - at.ahead)) / at.place) : 100
    const eta = room.querySelector('[data-eta]')
    const minutes = Math.ceil(at.etaMs / 60000)
    if (eta) {
      eta.textContent =
        at.etaMs < 60000 ? eta.dataset.soon : eta.dataset.some.replace('#', String(minutes))
    }
  })
  addEventListener('pagehide', () => source.close())
}

// A proof of work, where the sale asks for one: found in a worker, then the form goes by itself.
for (const form of all('form[data-challenge]')) {
  const worker = new Worker(form.dataset.solver)
  const button = form.querySelector('button')
  const proof = form.querySelector('input[name=proof]')
  let wanted = false
  worker.addEventListener('message', ({ data }) => {
    proof.value = data
    worker.terminate()
    if (wanted) form.submit()
  })
  worker.postMessage({ challenge: form.dataset.challenge, bits: Number(form.dataset.bits) })
  form.addEventListener('submit', (event) => {
    if (proof.value !== '') return
    event.preventDefault()
    wanted = true
    button.disabled = true
    button.textContent = form.dataset.proving
  })
}

async function begin() {
  tick()
  setInterval(tick, 500)
  void refreshStock()
  setInterval(refreshStock, 2000)
  if (page.dataset.viewed) await tell({ type: 'view', itemId: page.dataset.viewed })
  for (const block of all('[data-fragment]')) void fill(block)
}
void begin()
