// SPDX-License-Identifier: Apache-2.0
// Makes an open page follow: news come as server-sent events, and each makes the page ask for itself
// anew and swap what is in <main>. Says so when the news stop. Adds local times and a few keys.
// Everything on a page works without it.
'use strict';
(function () {
  var doc = document, body = doc.body, of = doc.getElementById('of');
  var main = doc.querySelector('main'), fresh = Date.now(), pending = 0;

  function each(list, f) { Array.prototype.forEach.call(list, f); }

  function two(n) { return (n < 10 ? '0' : '') + n; }

  // 03:04:10Z -> 03:04:10Z (05:04:10 here)
  function local(root) {
    each(root.querySelectorAll('time[datetime]'), function (t) {
      var d = new Date(t.getAttribute('datetime'));
      if (isNaN(d) || t.lastElementChild || !d.getTimezoneOffset() || t.closest('.time li + li, .steps li + li, svg')) return;
      var s = doc.createElement('span');
      s.className = 'lt';
      s.textContent = ' (' + [d.getHours(), d.getMinutes(), d.getSeconds()].map(two).join(':') + ' here)';
      t.appendChild(s);
    });
  }

  // The clipboard's own interface is there on safe addresses only; the old way needs a field.
  function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    var f = doc.createElement('textarea');
    f.value = text;
    body.appendChild(f);
    f.select();
    doc.execCommand('copy');
    f.remove();
    return Promise.resolve();
  }

  // What one sends to a chat: the sentence, the reason, the address.
  function status(e) {
    return e ? e.dataset.copy + '\n' + new URL(e.dataset.url, location).href : doc.title + '\n' + location.href;
  }

  function button(word, name, f) {
    var b = doc.createElement('button');
    b.type = 'button';
    b.className = 'plain';
    b.textContent = word;
    if (name) b.setAttribute('aria-label', name);
    b.onclick = function () {
      var done = f();
      if (done) done.then(function () { b.textContent = 'Copied'; }, function () { b.textContent = 'Not allowed'; });
    };
    return b;
  }

  function copies(root) {
    each(root.querySelectorAll('[data-copy]'), function (e) {
      (e.querySelector('.do') || e).appendChild(button('Copy status', '', function () { return copy(status(e)); }));
    });
    each(root.querySelectorAll('pre.cmd, ol.time'), function (e) {
      var what = e.tagName === 'PRE' ? 'the command' : 'the timeline';
      var b = button('Copy', 'Copy ' + what, function () { return copy(e.innerText); });
      b.className = 'plain copy';
      e.parentNode.insertBefore(b, e);
    });
  }

  // What the reader opened stays open, and the keyboard stays where it was.
  function swap(text) {
    var next = new DOMParser().parseFromString(text, 'text/html');
    var fill = next.querySelector('main');
    if (!fill) return;
    var old = main.querySelectorAll('details'), now = fill.querySelectorAll('details');
    if (old.length === now.length) each(old, function (d, i) { now[i].open = d.open; });
    var at = doc.activeElement, id = at && main.contains(at) && at.id;
    local(fill);
    copies(fill);
    main.innerHTML = '';
    while (fill.firstChild) main.appendChild(doc.adoptNode(fill.firstChild));
    if (id && doc.getElementById(id)) doc.getElementById(id).focus();
    doc.title = next.title;
    var head = next.getElementById('of');
    if (head) { local(head); of.innerHTML = head.innerHTML; }
    if (!next.body.hasAttribute('data-live')) body.removeAttribute('data-live');
  }

  function stale(yes) {
    var note = doc.getElementById('stale');
    if (!yes) { if (note) note.remove(); return; }
    if (note) return;
    note = doc.createElement('p');
    note.id = 'stale';
    note.className = 'alarm';
    note.setAttribute('role', 'alert');
    note.textContent = 'Stale since ' + new Date(fresh).toISOString().slice(11, 19) + 'Z: no news come from haldane. ';
    var a = doc.createElement('a');
    a.href = location.href;
    a.textContent = 'Load again';
    note.appendChild(a);
    main.parentNode.insertBefore(note, main);
  }

  function busy() {
    var at = doc.activeElement;
    return at && /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName) && at.type !== 'checkbox';
  }

  function load() {
    pending = 0;
    if (busy() || doc.hidden || doc.getElementById('keys')) return;
    fetch(location.href, {credentials: 'same-origin', headers: {Accept: 'text/html'}}).then(function (r) {
      if (!r.ok) throw r;
      return r.text();
    }).then(function (text) {
      fresh = Date.now();
      stale(false);
      swap(text);
    }).catch(function () { stale(true); });
  }

  // Many news in one second are one.
  function soon() { if (!pending) pending = setTimeout(load, 700); }

  // Where no news come, also because there are none, the page asks by itself: ages go on.
  function follow() {
    if (window.EventSource) {
      var source = new EventSource('/api/v1/events');
      source.onmessage = soon;
      source.onerror = soon;
      each(['guard', 'state', 'reading', 'check', 'gate', 'intent', 'operator', 'daemon', 'reset'], function (k) {
        source.addEventListener(k, soon);
      });
    }
    setInterval(function () {
      if (body.hasAttribute('data-live') && Date.now() - fresh > 15000) load();
    }, 5000);
    doc.addEventListener('visibilitychange', function () { if (!doc.hidden) load(); });
  }

  // --- keys: off while typing, and for good with the box in the help ---
  var help = 'j k  next, previous row\nEnter  open it\nr  revert (asks first)\nh  hold (asks first)\n' +
    'c  copy the sentence\ne  export\n/  filter\n?  this';
  function off() { try { return localStorage.getItem('keys') === 'off'; } catch (e) { return false; } }
  function show() {
    var box = doc.getElementById('keys');
    if (box) { box.remove(); return; }
    box = doc.createElement('section');
    box.id = 'keys';
    box.className = 'lead';
    var pre = doc.createElement('pre'), label = doc.createElement('label'), tick = doc.createElement('input');
    pre.textContent = help;
    tick.type = 'checkbox';
    tick.checked = off();
    tick.onchange = function () { try { localStorage.setItem('keys', tick.checked ? 'off' : 'on'); } catch (e) { } };
    label.appendChild(tick);
    label.appendChild(doc.createTextNode(' no keys but this one'));
    box.appendChild(pre);
    box.appendChild(label);
    main.insertBefore(box, main.firstChild);
    tick.focus();
  }
  function go(selector) { var a = doc.querySelector(selector); if (a) a.click(); return !!a; }
  function step(by) {
    var rows = Array.prototype.slice.call(main.querySelectorAll('.list a[href^="/g/"], .need a'));
    var i = rows.indexOf(doc.activeElement) + by;
    if (rows.length) rows[Math.max(0, Math.min(rows.length - 1, i))].focus();
  }
  doc.addEventListener('keydown', function (e) {
    if (busy() || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === '?') show();
    else if (off()) return;
    else if (e.key === 'j') step(1);
    else if (e.key === 'k') step(-1);
    else if (e.key === 'r') go('#do-revert');
    else if (e.key === 'h') go('#do-hold, #do-release');
    else if (e.key === 'e') go('#export');
    else if (e.key === '/') { var f = doc.querySelector('.filter select'); if (!f) return; f.focus(); }
    else if (e.key === 'c') copy(status(doc.querySelector('[data-copy]')));
    else return;
    e.preventDefault();
  });

  local(doc);
  copies(main);
  doc.querySelector('nav').appendChild(button('?', 'Keys', show));
  if (body.hasAttribute('data-live') && window.fetch) follow();
})();
