#!/usr/bin/env python3
"""Opens flame graphs in a headless Chromium and checks what a person would: drive.py FOLDER POLICY.

Speaks the DevTools protocol over a pipe; needs nothing but Python and Chromium. Every expectation about numbers
is computed here from the data in the file, not read back from the picture. With FLAME_SHOTS=DIR it also takes
pictures.
"""
import base64
import fcntl
import http.server
import json
import os
import pathlib
import re
import select
import subprocess
import sys
import tempfile
import threading
import time

ANSWER_S = 60


class Browser:
    """A Chromium of its own, with a fresh profile."""

    def __init__(self, home):
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        # Out of the way of 3 and 4, which the child wants.
        child_in = fcntl.fcntl(to_read, fcntl.F_DUPFD, 20)
        child_out = fcntl.fcntl(from_write, fcntl.F_DUPFD, 20)
        os.close(to_read)
        os.close(from_write)
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                   "--no-first-run", "--disable-background-networking", "--disable-component-update",
                   "--remote-debugging-pipe", "--window-size=1400,900", f"--user-data-dir={home}", "about:blank"]

        def wire():
            os.dup2(child_in, 3)
            os.dup2(child_out, 4)

        self.process = subprocess.Popen(command, preexec_fn=wire, pass_fds=(3, 4),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(child_in)
        os.close(child_out)
        self.write, self.read = to_write, from_read
        self.rest, self.last, self.events = b"", 0, []

    def call(self, method, session=None, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        number = self.last
        while True:
            answer = self.next(ANSWER_S)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def next(self, seconds):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.read], [], [], seconds)
            if not ready:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self.read, 1 << 20)
            if not piece:
                raise RuntimeError("the browser is gone")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def await_event(self, method):
        while True:
            for at, event in enumerate(self.events):
                if event.get("method") == method:
                    return self.events.pop(at)
            self.events.append(self.next(ANSWER_S))

    def close(self):
        self.call("Browser.close")
        self.process.wait(ANSWER_S)


class Page:
    """One picture, opened."""

    def __init__(self, browser, url):
        self.browser, self.url = browser, url
        browser.events.clear()
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Network", "Log"]:
            self.call(f"{domain}.enable")
        self.call("Page.navigate", url=url)
        browser.await_event("Page.loadEventFired")

    def call(self, method, **params):
        return self.browser.call(method, session=self.session, **params)

    def js(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def middle(self, selector):
        box = self.js("(() => { const e = document.querySelector(%s); if (!e) return null;"
                      "const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })()"
                      % json.dumps(selector))
        if box is None:
            raise AssertionError(f"nothing is {selector} in {self.url}")
        return box

    def mouse(self, selector, kinds=("mouseMoved", "mousePressed", "mouseReleased")):
        x, y, width, height = self.middle(selector)
        for kind in kinds:
            self.call("Input.dispatchMouseEvent", type=kind, x=x + min(width / 2, 30), y=y + height / 2,
                      button="none" if kind == "mouseMoved" else "left", clickCount=1)

    def key(self, key):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def type(self, text):
        self.mouse("#search")
        self.call("Input.insertText", text=text)

    def shot(self, name):
        folder = os.environ.get("FLAME_SHOTS")
        if folder:
            data = self.call("Page.captureScreenshot", format="png")["data"]
            pathlib.Path(folder, name).write_bytes(base64.b64decode(data))

    def finish(self):
        """Looks back: what the page asked for, and what went wrong in it."""
        self.js("1")
        asked = [event["params"]["request"]["url"] for event in self.browser.events
                 if event.get("method") == "Network.requestWillBeSent"]
        assert asked == [self.url], f"asked for {asked}"
        bad = [event for event in self.browser.events if event.get("method") in
               ("Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening")]
        assert not bad, bad


class Data:
    """The data of a picture, added up without the picture's script."""

    def __init__(self, path):
        text = path.read_text()
        data = json.loads(re.search(r'type="application/json">(.*?)</script>', text, re.S).group(1))
        self.names, self.data = data["names"], data
        self.nodes = [data["nodes"][at:at + 6] for at in range(0, len(data["nodes"]), 6)]
        width = 4 + len(data["sides"])
        self.cells = [data["cells"][at:at + width] for at in range(0, len(data["cells"]), width)]
        self.total = sum(cell[-1] for cell in self.cells)

    def stack(self, node):
        while node:
            yield node
            node = self.nodes[node][0]

    def matched(self, wanted):
        def hits(node):
            _, function, file, _, module, _ = self.nodes[node]
            texts = [self.names[function], self.names[file], self.names[self.data["modules"][module]]]
            return any(wanted in text.lower() for text in texts)
        return sum(cell[-1] for cell in self.cells if any(hits(node) for node in self.stack(cell[0])))

    def own(self):
        sums = {}
        for cell in self.cells:
            name = self.names[self.nodes[cell[0]][1]]
            sums[name] = sums.get(name, 0) + cell[-1]
        return max(sums, key=sums.get), max(sums.values())

    def by(self, kind, at):
        sums = {}
        for cell in self.cells:
            name = self.names[self.data[kind][cell[at]]]
            sums[name] = sums.get(name, 0) + cell[-1]
        return sums


def check_real(page, data, place):
    assert page.js("document.querySelectorAll('.frame').length") > 8
    assert page.js("document.querySelector('.title').textContent") == "CPU time of web-1"
    assert int(page.js("document.querySelector('.frame').dataset.total")) == data.total
    page.shot(f"{place}-module.png")

    # Search: the share is that of the data, what matches is marked, the rest is not.
    page.type("sha2")
    said = page.js("document.querySelector('#matched').textContent")
    share = float(re.match(r"matched ([\d.]+) %", said).group(1))
    expected = data.matched("sha2") * 100 / data.total
    assert 20 < expected < 100 and abs(share - expected) < 0.06, f"{said}, expected {expected}"
    hits = page.js("[...document.querySelectorAll('.frame.hit')].length")
    assert 0 < hits < page.js("document.querySelectorAll('.frame').length")
    page.shot(f"{place}-search.png")
    page.key("Escape")
    assert page.js("document.querySelectorAll('.frame.hit').length") == 0

    # Zoom: the frame takes the whole width, what is not above or below it is gone; Escape goes back.
    before = page.js("document.querySelectorAll('.frame').length")
    whole = page.middle(".frame rect")[2]
    page.js("[...document.querySelectorAll('.frame')].find((frame) => { const w = frame.querySelector('rect').getBoundingClientRect().width;"
            " return w < 0.45 * %f && w > 60; }).id = 'target'" % whole)
    name = page.js("document.querySelector('#target').dataset.name")
    page.mouse("#target")
    wide = page.js("[...document.querySelectorAll('.frame:not(.above)')].find((frame) => frame.dataset.name === %s)"
                   ".querySelector('rect').getBoundingClientRect().width" % json.dumps(name))
    assert abs(wide - whole) < 1, (wide, whole)
    assert page.js("document.querySelectorAll('.frame').length") < before
    assert page.js("document.querySelector('[data-name=\"reset zoom\"]') !== null")
    page.shot(f"{place}-zoom.png")
    page.key("Escape")
    assert page.js("document.querySelectorAll('.frame').length") == before

    # The switches: by thread and by hunt the groups add up to the whole.
    for colour, kind, at in (("thread", "threads", 1), ("hunt", "hunts", 2)):
        page.mouse(f'[data-name="{colour}"]')
        page.shot(f"{place}-{colour}.png")
        sums = sorted(data.by(kind, at).values(), reverse=True)
        y = page.js("document.querySelector('.frame rect').y.baseVal.value")
        drawn = page.js("[...document.querySelectorAll('.frame')].filter((frame) => frame.querySelector('rect').y.baseVal.value === %f)"
                        ".map((frame) => +frame.dataset.total)" % (y + 18))
        assert sorted(drawn, reverse=True) == [value for value in sums if value / data.total * (whole) >= 0.5], (drawn, sums)
    page.mouse('[data-name="module"]')

    # Own and total as lists, and what is under the mouse.
    page.mouse('[data-name="own"]')
    page.shot(f"{place}-own.png")
    top = page.js("(({ name, total }) => [name, +total])(document.querySelector('.row').dataset)")
    assert top == list(data.own()), (top, data.own())
    page.mouse(".row", kinds=("mouseMoved",))
    tip = page.js("document.querySelector('.tip').textContent")
    assert page.js("document.querySelector('.tip').getAttribute('visibility')") == "visible"
    assert re.search(r"total [\d.,]+ m?s, [\d.]+ % +own [\d.,]+ m?s, [\d.]+ %", tip), tip
    assert re.search(r"\.rs:\d+|\[", tip), tip
    page.shot(f"{place}-tip.png")
    page.mouse('[data-name="total"]')
    assert int(page.js("document.querySelector('.row').dataset.total")) <= data.total
    page.mouse('[data-name="stacks"]')
    page.mouse(".frame:nth-of-type(5)", kinds=("mouseMoved",))


def check_diff(page, data):
    page.shot("diff.png")
    assert page.js("document.querySelector('[data-name=\"change\"]').classList.contains('on')")
    fills = page.js("[...document.querySelectorAll('.frame rect')].map((rect) => rect.getAttribute('fill'))")
    red = [fill for fill in fills if int(fill[1:3], 16) > int(fill[5:7], 16) + 40]
    blue = [fill for fill in fills if int(fill[5:7], 16) > int(fill[1:3], 16) + 40]
    assert red and blue, fills
    page.mouse('[data-name="before"]')
    sums = sum(cell[4] for cell in data.cells)
    assert int(page.js("document.querySelector('.frame').dataset.total")) == sums < data.total


def check_hostile(page):
    time.sleep(0.2)
    assert page.js("window.pwned") is None
    assert page.js("document.querySelectorAll('img').length + document.querySelectorAll('script').length") == 2
    assert "<script>" in page.js("document.querySelector('.title').textContent")
    page.mouse(".frame", kinds=("mouseMoved",))
    page.mouse('[data-name="hunt"]')
    page.mouse('[data-name="own"]')
    page.mouse(".row")
    assert page.js("window.pwned") is None


def serve(folder, policy):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, directory=str(folder), **kwargs)

        def end_headers(self):
            self.send_header("Content-Security-Policy", policy)
            self.send_header("X-Content-Type-Options", "nosniff")
            super().end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def main():
    folder, policy = pathlib.Path(sys.argv[1]), sys.argv[2]
    data = {name: Data(folder / f"{name}.svg") for name in ("real", "diff", "hostile")}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        browser = Browser(home)
        try:
            for place, base in (("file", folder.as_uri()), ("served", serve(folder, policy))):
                page = Page(browser, f"{base}/real.svg")
                check_real(page, data["real"], place)
                page.finish()
                page = Page(browser, f"{base}/diff.svg")
                check_diff(page, data["diff"])
                page.finish()
                page = Page(browser, f"{base}/hostile.svg")
                check_hostile(page)
                page.finish()
                print(f"{place}: drawn, searched, zoomed, switched; asked for nothing but itself")
        finally:
            browser.close()


main()
