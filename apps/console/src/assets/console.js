// Pages stand without this file. With it, panels refresh by themselves.
'use strict'
const state = document.getElementById('state')
const pause = document.getElementById('pause')
const path = document.body.dataset.live
let stream
let paused = false

function show(text, kind) {
  state.textContent = text
  state.className = kind
}

function open() {
  stream = new EventSource(path)
  stream.addEventListener('open', () => show('live', 'on'))
  stream.addEventListener('error', () => show('reconnecting…', 'off'))
  stream.addEventListener('panels', (event) => {
    show('live', 'on')
    for (const [id, markup] of Object.entries(JSON.parse(event.data))) {
      const place = document.getElementById(id)
      // A panel somebody works in is left alone until they go on.
      if (place && !place.contains(document.activeElement)) place.innerHTML = markup
    }
  })
}

function toggle() {
  paused = !paused
  pause.setAttribute('aria-pressed', String(paused))
  pause.textContent = paused ? 'Resume' : 'Pause'
  if (paused) {
    stream.close()
    show('paused', '')
  } else open()
}

if (path) {
  pause.hidden = false
  pause.addEventListener('click', toggle)
  document.addEventListener('keydown', (event) => {
    const typing = /^(input|select|textarea)$/i.test(event.target.tagName)
    if (event.key === 'p' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) toggle()
  })
  addEventListener('pagehide', () => stream.close())
  open()
}
