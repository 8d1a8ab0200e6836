"""One stack for all tests, and a browser of its own for each."""

import json
import os
import re
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
# Building what changed is part of it.
STACK_STARTS_WITHIN_SECONDS = 120
# A status that comes by the schedule comes within a minute.
SEEN_WITHIN_MILLISECONDS = 20_000
ALGORITHM = "demo-algorithm"


class Stack:
    """`courier local`: the real template and functions, with a paper broker behind them."""

    def __init__(self, process, text):
        self.process = process
        self.console = re.search(r"^Console +(\S+)", text, re.MULTILINE)[1]
        self.broker = re.search(r"^Paper broker +(\S+)", text, re.MULTILINE)[1]
        self.engine = re.search(r"^AWS +(\S+)", text, re.MULTILINE)[1]
        self.exports = re.search(r"source (\S+)", text)[1]
        self.token_url = re.search(r"(http://\S+/token)\?user=", text)[1]

    def token(self, user):
        with urllib.request.urlopen(f"{self.token_url}?user={urllib.parse.quote(user)}") as answer:
            return answer.read().decode()

    def api(self, user, method, path, body=None):
        return send(method, self.console + path, body, {"Authorization": f"Bearer {self.token(user)}"})

    def control(self, method, path, body):
        return send(method, f"{self.broker}/control/{path}", body, {})

    def courier(self, *arguments):
        """The operator's command, against this stack."""
        command = ["bash", "-c", 'source "$0" && exec "$@"', self.exports, os.environ["COURIER_BINARY"], *arguments]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    def login(self, username, account, paper=True):
        """A username at the broker that has this account."""
        self.control("POST", "users", {"username": username, "paper": paper, "accounts": [account]})

    def connect(self, user, username):
        """Connects without the page, for tests of what comes after."""
        request = urllib.request.Request(self.console + "connections", method="POST", headers={"Authorization": f"Bearer {self.token(user)}"})
        with urllib.request.urlopen(request) as answer:
            cookie = answer.headers["Set-Cookie"].split(";")[0]
            address = json.load(answer)["authorize_url"]
        token = urllib.parse.parse_qs(urllib.parse.urlparse(address).query)["oauth_token"][0]
        back = self.control("POST", "approvals", {"request_token": token, "username": username})["location"]
        urllib.request.urlopen(urllib.request.Request(back, headers={"Cookie": cookie})).read()

    def wake_tracker(self):
        """What the schedule does each minute: saves waiting for it."""
        url = f"{self.engine}/2015-03-31/functions/courier-order-track/invocations"
        send("POST", url, {"source": "aws.scheduler", "detail-type": "Scheduled Event"}, {})

    def until(self, happened):
        deadline = time.monotonic() + SEEN_WITHIN_MILLISECONDS / 1000
        while not happened():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.1)


def send(method, url, body, headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        content = answer.read()
    return json.loads(content) if content else None


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    output = tmp_path_factory.mktemp("stack") / "output"
    with open(output, "wb") as file:
        process = subprocess.Popen([os.environ["COURIER_BINARY"], "local"], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + STACK_STARTS_WITHIN_SECONDS
        while "Running until Ctrl-C." not in (text := output.read_text()):
            assert process.poll() is None and time.monotonic() < deadline, f"the stack did not start:\n{text}"
            time.sleep(0.1)
        stack = Stack(process, text)
        stack.login("paper-ada", "DU0000002")
        stack.login("paper-ben", "DU0000003")
        stack.login("live-eve", "U0000001", paper=False)
        yield stack
    finally:
        process.terminate() if process.poll() is None else None
        process.wait(20)


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["COURIER_CHROMIUM"])
        yield browser
        browser.close()


class Visit:
    """A browser at the console, as one person uses it. What it complains about fails the test."""

    def __init__(self, stack, browser, **options):
        self.stack = stack
        self.context = browser.new_context(locale="en-GB", timezone_id="Europe/Berlin", **options)
        self.context.set_default_timeout(SEEN_WITHIN_MILLISECONDS)
        self.page = self.context.new_page()
        self.complaints = []
        self.hosts = set()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self.note)
        self.page.on("request", lambda request: self.hosts.add(urllib.parse.urlparse(request.url).hostname))

    def note(self, message):
        # That an answer was a refusal is told by the page; it is no fault of the page.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def open(self, part=""):
        self.page.goto(self.stack.console + part)
        return self.page

    def sign_in(self, user, part=""):
        page = self.open(part)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("User").fill(user)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign out").wait_for()
        return page

    def go(self, part):
        self.page.get_by_role("navigation").get_by_role("link", name=part, exact=True).click()
        return self.page

    def close(self):
        self.context.close()
        assert self.complaints == []
        assert self.hosts <= {"127.0.0.1", None, ""}, f"something came from elsewhere: {self.hosts}"


@pytest.fixture
def visit(stack, chromium):
    expect.set_options(timeout=SEEN_WITHIN_MILLISECONDS)
    visit = Visit(stack, chromium)
    yield visit
    visit.close()
