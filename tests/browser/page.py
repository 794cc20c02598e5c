#!/usr/bin/env python3
"""The status page in headless Chromium, beside a daemon with virtual servers: `cargo xtask browser` runs it in the lab's kernel.

Arguments: the daemon's program, the configuration, a folder for screenshots. Speaks the DevTools protocol over its pipe. Says `ok` or
`NOT OK` for each thing that has to hold; exits 1 if one does not.
"""

import base64
import http.client
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time

DAEMON, CONFIGURATION, SHOTS = sys.argv[1:4]
PORT = 9650
PAGE = f"http://127.0.0.1:{PORT}/"
failed = False


def must(text, holds, evidence=""):
    global failed
    failed = failed or not holds
    print(("ok      " if holds else "NOT OK  ") + text + (f" ({evidence})" if evidence else ""), flush=True)


class Browser:
    """Chromium with one page."""

    def __init__(self):
        to_browser, ours_out = os.pipe()
        ours_in, from_browser = os.pipe()

        def place():
            # The browser reads from 3 and writes to 4; neither number is one of those pipes' by accident.
            to, come = os.dup(to_browser), os.dup(from_browser)
            os.dup2(to, 3)
            os.dup2(come, 4)

        if min(to_browser, from_browser) <= 2:
            raise SystemExit("standard input, output and error have to be open")
        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
             "--disable-background-networking", "--disable-component-update", "--no-first-run", "--remote-debugging-pipe",
             "--user-data-dir=/run/chromium", "--window-size=1280,1200", "about:blank"],
            pass_fds=(3, 4, to_browser, from_browser), preexec_fn=place, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.out = ours_out
        self.events = []
        self.answers = {}
        self.number = 0
        self.changed = threading.Condition()
        threading.Thread(target=self.read, args=(ours_in,), daemon=True).start()
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        self.session = None
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime", "DOM"):
            self.call(domain + ".enable")

    def read(self, ours_in):
        rest = b""
        while True:
            some = os.read(ours_in, 1 << 16)
            if not some:
                return
            *messages, rest = (rest + some).split(b"\0")
            with self.changed:
                for message in map(json.loads, messages):
                    if "id" in message:
                        self.answers[message["id"]] = message
                    else:
                        self.events.append(message)
                self.changed.notify_all()

    def call(self, method, **params):
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": params}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        with self.changed:
            if not self.changed.wait_for(lambda: number in self.answers, 90):
                raise SystemExit(f"{method}: no answer")
            answer = self.answers.pop(number)
        if "error" in answer:
            raise SystemExit(f"{method}: {answer['error']}")
        return answer["result"]

    def seen(self, method):
        with self.changed:
            return [event["params"] for event in self.events if event["method"] == method]

    def go(self, url):
        loads = len(self.seen("Page.loadEventFired"))
        self.call("Page.navigate", url=url)
        with self.changed:
            done = lambda: sum(event["method"] == "Page.loadEventFired" for event in self.events) > loads
            if not self.changed.wait_for(done, 60):
                raise SystemExit(f"{url} does not load")

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def html(self):
        """Of a page that may load itself anew between the two questions."""
        for attempt in range(5):
            root = self.call("DOM.getDocument")["root"]["nodeId"]
            try:
                return self.call("DOM.getOuterHTML", nodeId=root)["outerHTML"]
            except SystemExit:
                if attempt == 4:
                    raise

    def shoot(self, name):
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=False)["data"]
        with open(os.path.join(SHOTS, name), "wb") as file:
            file.write(base64.b64decode(picture))

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)


def got(path, port=PORT):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    return connection.getresponse().read()


def status():
    return json.loads(got("/status.json"))


def is_up(address):
    servers = [server for service in status()["virtual_servers"] for server in service["servers"]]
    return next(server["up"] for server in servers if server["address"] == address)


class Web(http.server.ThreadingHTTPServer):
    """A real server, which can be ended."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"hello\n")

        def log_message(self, *_):
            pass

    def __init__(self, port):
        super().__init__(("10.9.0.1", port), Web.Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()


def wait(what, limit=30):
    until = time.monotonic() + limit
    while time.monotonic() < until:
        try:
            if what():
                return True
        except (OSError, http.client.HTTPException, ValueError):
            pass
        time.sleep(0.05)
    return False


def scraped():
    """What Prometheus itself makes of the metrics; its package has promtool too."""
    if not shutil.which("prometheus"):
        print("not run: prometheus, promtool (Debian package prometheus)")
        return
    checked = subprocess.run(["promtool", "check", "metrics"], input=got("/metrics"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    must("promtool is content", checked.returncode == 0 and not checked.stdout, checked.stdout.decode().strip())
    with open("/run/prometheus.yml", "w") as file:
        file.write("scrape_configs:\n- job_name: director\n  scrape_interval: 1s\n  static_configs:\n"
                   f"  - targets: ['127.0.0.1:{PORT}']\n")
    prometheus = subprocess.Popen(
        ["prometheus", "--config.file=/run/prometheus.yml", "--storage.tsdb.path=/run/prometheus",
         "--web.listen-address=127.0.0.1:9090"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def value(query):
        answer = json.loads(got("/api/v1/query?query=" + query, 9090))
        return [result["value"][1] for result in answer["data"]["result"]]

    try:
        must("Prometheus scrapes it", wait(lambda: value("up") == ["1"], 60))
        must("and has the exporter's names", value("keepalived_vrrp_state") == ["2"] * 3, str(value("keepalived_vrrp_state")))
        must("and each check", len(value("rkeepalived_check_up")) == 5)
    finally:
        prometheus.kill()
        prometheus.wait()


NEIGHBOUR = """bfd_instance leaf {
    neighbor_ip 10.9.0.1
    source_ip 10.9.0.9
    min_tx 200
    min_rx 200
}
"""

for words in ("link set lo up", "netns add peer", "link add v0 type veth peer name v1 netns peer", "address add 10.9.0.1/24 dev v0",
              "link set v0 up", "-n peer link set lo up", "-n peer address add 10.9.0.9/24 dev v1", "-n peer link set v1 up"):
    subprocess.run(["ip"] + words.split(), check=True)
first, second = Web(8080), Web(8081)
os.makedirs(SHOTS, exist_ok=True)
with open(os.path.join(SHOTS, "daemon.log"), "w") as log:
    daemon = subprocess.Popen(
        [DAEMON, "-n", "-l", "-D", "-f", CONFIGURATION, "-p", "/run/k.pid", "-r", "/run/v.pid", "-c", "/run/c.pid",
         "--socket", "/run/browser", "--http", f"127.0.0.1:{PORT}"], stderr=log, stdout=log)
with open("/run/neighbour.conf", "w") as file:
    file.write(NEIGHBOUR)
with open(os.path.join(SHOTS, "neighbour.log"), "w") as log:
    neighbour = subprocess.Popen(
        ["ip", "netns", "exec", "peer", DAEMON, "-n", "-l", "-D", "-f", "/run/neighbour.conf", "-p", "/run/np.pid",
         "-r", "/run/nv.pid", "-c", "/run/nc.pid", "-b", "/run/nb.pid", "--socket", "/run/neighbour"], stderr=log, stdout=log)
browser = None
try:
    must("both servers are up", wait(lambda: is_up("10.9.0.1:8080") and is_up("10.9.0.1:8081")))
    wait(lambda: all(one["state"] == "MASTER" for one in status()["vrrp"]["instances"]))
    scraped()
    browser = Browser()
    browser.size(1280, 1200)
    browser.go(PAGE)
    badge = "document.querySelector('[data-server$=\" 10.9.0.1:8081\"] .badge').textContent"
    must("the page shows a server that is up", browser.value(badge) == "up", browser.value(badge))
    sessions = "[...document.querySelectorAll('[aria-labelledby=bfd] .card')].map(one => one.textContent).join('|')"
    must("both BFD sessions are there", wait(lambda: "spine1" in browser.value(sessions) and "spine2" in browser.value(sessions)),
         browser.value(sessions))
    must("the one is up", wait(lambda: "Up" in browser.value(sessions).split("|")[0]), browser.value(sessions))
    must("the other is not", "Up" not in browser.value(sessions).split("|")[1])
    must("it is live", wait(lambda: browser.value("document.getElementById('live').textContent") == "live"))
    browser.shoot("light.png")
    second.end()
    known = shown = None
    until = time.monotonic() + 30
    while shown is None and time.monotonic() < until:
        now = time.monotonic()
        if known is None and not is_up("10.9.0.1:8081"):
            known = now
        if browser.value(badge) == "down":
            shown = time.monotonic()
    must("a server that goes down is shown within two seconds", None not in (known, shown) and shown - known <= 2,
         f"{shown - known:.2f} s" if None not in (known, shown) else "never")
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.shoot("dark.png")
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    browser.size(360, 2000)
    width = browser.value("document.documentElement.scrollWidth")
    must("360 pixels are wide enough", width <= 360, f"{width} pixels")
    browser.shoot("phone.png")
    errors = [entry["entry"]["text"] for entry in browser.seen("Log.entryAdded")]
    errors += [str(call["args"]) for call in browser.seen("Runtime.consoleAPICalled")]
    errors += [thrown["exceptionDetails"]["text"] for thrown in browser.seen("Runtime.exceptionThrown")]
    must("no error and no warning in the console", not errors, "; ".join(errors))
    asked = {request["request"]["url"] for request in browser.seen("Network.requestWillBeSent")}
    outside = [url for url in asked if not url.startswith((PAGE, "about:", "data:"))]
    must("no request goes anywhere else", not outside and len(asked) > 3, ", ".join(outside) or f"{len(asked)} places asked for")
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.size(1280, 1200)
    browser.go(PAGE)
    text = browser.html()
    must("without script all is there", "10.9.0.1:8081" in text and "10.9.0.100/24" in text.replace("<!-- -->", ""))
    loads = len(browser.seen("Page.loadEventFired"))
    must("and it loads itself anew", wait(lambda: len(browser.seen("Page.loadEventFired")) > loads, 20))
    browser.shoot("without-script.png")
finally:
    if browser:
        browser.process.kill()
    neighbour.terminate()
    neighbour.wait(20)
    daemon.terminate()
    must("the daemon stops", daemon.wait(20) == 0)
sys.exit(failed)
