"""The street beside the shift: board, hand-ins, records to look at, the searched phone, what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import street_town
import zxingcpp
from axe import faults
from PIL import Image
from playwright.sync_api import Browser, expect
from sites import PASSWORD, Client, person
from street_faults import FILL_UP, MAKE_ROOM
from street_phone import Phone, phone_at
from street_records import send, write
from street_town import HOUR, StreetSite

from becalm.app.main import open_desk
from becalm.app.store.database import open_store


@pytest.fixture(scope="module")
def site(street_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreetSite]:
    with street_town.serve_copy(street_workspace, tmp_path_factory.mktemp("pages") / "town") as site:
        yield site


@pytest.fixture
def phone(browser: Browser, site: StreetSite) -> Iterator[Phone]:
    with phone_at(browser, site, "officer") as phone:
        phone.open()
        phone.take_pack(street_town.unit_of(site.workspace))
        phone.wait_for_worker()
        yield phone
        phone.context.set_offline(False)


def client_of(site: StreetSite, role: str) -> Client:
    client = Client(site.url.removeprefix("http://"))
    client.cookies["becalm"] = site.cookie(role)
    return client


def arrests(site: StreetSite) -> list[str]:
    entries = open_desk(site.workspace).open_ledger().entries(kinds=("arrest_made",))
    return [str(entry.event.facts["offence"]) for entry in entries]


def arrest(phone: Phone, what: str) -> None:
    phone.touch("Arrest")
    phone.page.get_by_label("Or in other words").fill(what)
    phone.touch("Keep this arrest")
    phone.says("Arrest: kept")


def test_codes_on_the_screen_are_read_by_a_scanner_and_taken_in_once(
    phone: Phone, site: StreetSite, tmp_path: Path
) -> None:
    phone.context.set_offline(True)
    for number in range(3):
        arrest(phone, f"codes {number}")
    phone.page.goto(f"{site.url}/street#outbox")
    phone.touch("Show as QR codes")
    phone.page.wait_for_selector("svg.qr")
    rows = []
    for code in phone.page.locator("svg.qr").all():
        path = tmp_path / "code.png"
        code.screenshot(path=path)
        (read,) = zxingcpp.read_barcodes(Image.open(path))
        rows.append(read.text)
    assert len(rows) > 1
    sergeant = client_of(site, "sergeant")
    fields = {"form_key": sergeant.form_key("/street/hand-in"), "rows": "\n".join(reversed(rows))}
    lacking = hand_in(sergeant, {**fields, "rows": rows[0]})
    assert "lacks code" in lacking
    for _ in range(2):
        assert "3 records are in the ledger" in hand_in(sergeant, fields)
    assert sorted(text for text in arrests(site) if text.startswith("codes")) == [
        "codes 0",
        "codes 1",
        "codes 2",
    ]
    phone.context.set_offline(False)
    phone.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(phone.page.locator("#pending")).to_have_text("Nothing waits to be sent")
    assert len([text for text in arrests(site) if text.startswith("codes")]) == 3


def hand_in(client: Client, fields: dict[str, str], file: str = "") -> str:
    boundary = "street-boundary"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    if file:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="street.json"\r\n\r\n'
        parts.append(f"{head}{file}\r\n")
    body = "".join([*parts, f"--{boundary}--\r\n"]).encode()
    content_type = f"multipart/form-data; boundary={boundary}"
    return client.ask("POST", "/street/hand-in", body, Content_Type=content_type).text


def test_the_sealed_file_is_taken_in_with_who_wrote_it(phone: Phone, site: StreetSite) -> None:
    phone.context.set_offline(True)
    arrest(phone, "by file")
    phone.page.goto(f"{site.url}/street#outbox")
    with phone.page.expect_download() as download:
        phone.touch("Save as a sealed file")
    content = Path(download.value.path()).read_text("utf-8")
    assert "by file" not in content
    sergeant = client_of(site, "sergeant")
    answer = hand_in(sergeant, {"form_key": sergeant.form_key("/street/hand-in")}, content)
    assert "1 record is in the ledger" in answer
    note = open_desk(site.workspace).open_ledger().state_rows("street_record")[-1]
    assert (note["is_handed_in"], note["written_by"]) == (True, person_of(site, "officer"))
    phone.context.set_offline(False)


def person_of(site: StreetSite, role: str) -> str:
    store = open_store(site.workspace, "")
    try:
        return person(store, role)
    finally:
        store.close()


def test_a_taken_phone_holds_nothing_that_was_written_and_no_pack_after_the_shift(
    phone: Phone, site: StreetSite, browser: Browser
) -> None:
    phone.context.set_offline(True)
    arrest(phone, "zebra crossing")
    place = phone.page.locator("h1").inner_text()
    dumped = phone.page.evaluate(DUMP)
    assert "zebra" not in dumped
    assert place.split()[-1] not in dumped
    assert phone.page.evaluate("document.cookie").count("zebra") == 0
    # The shift ends while the page is open: by the phone's own clock, which is set on.
    phone.page.clock.install()
    phone.page.clock.set_system_time(datetime.now(UTC) + timedelta(hours=20))
    phone.page.reload()
    phone.wait()
    expect(phone.page.locator("main")).to_contain_text("no pack on this phone")
    after = json.loads(phone.page.evaluate(DUMP))
    assert after["becalm-pack"] == []
    assert "1 waiting" in phone.pending


DUMP = """async () => {
  const read = (name) => new Promise((resolve) => {
    const request = indexedDB.open(name);
    request.onsuccess = async () => {
      const database = request.result, rows = [];
      for (const store of database.objectStoreNames) {
        const all = database.transaction(store).objectStore(store).getAll();
        await new Promise((done) => { all.onsuccess = done; });
        for (const row of all.result) rows.push(JSON.stringify(row, (key, value) =>
          value instanceof ArrayBuffer ? new TextDecoder("latin1").decode(value) : value));
      }
      database.close();
      resolve(rows);
    };
  });
  const dump = { local: { ...localStorage }, session: { ...sessionStorage } };
  for (const { name } of await indexedDB.databases()) dump[name] = await read(name);
  return JSON.stringify(dump);
}"""


def test_sign_out_and_another_person_are_refused_while_records_wait(phone: Phone, site: StreetSite) -> None:
    arrest(phone, "before")
    expect(phone.page.locator("#pending")).to_have_text("Nothing waits to be sent")
    phone.page.route("**/street/outbox", lambda route: route.abort())
    arrest(phone, "waits")
    phone.touch("Shift")
    phone.touch("Sign out")
    phone.says("records wait to be sent")
    cookies = {str(c["name"]): str(c["value"]) for c in phone.context.cookies()}
    browser_cookies = Client(site.url.removeprefix("http://"), dict(cookies))
    refused = browser_cookies.post("/sign-out", {"form_key": browser_cookies.form_key("/account")})
    assert (refused.status, "wait on this phone" in refused.text) == (409, True)
    other = Client(site.url.removeprefix("http://"), {"becalm-waiting": cookies["becalm-waiting"]})
    answer = other.sign_in(person_of(site, "sergeant"), PASSWORD)
    assert (answer.status, "wait on this phone" in answer.text) == (409, True)
    phone.page.unroute("**/street/outbox")
    phone.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(phone.page.locator("#pending")).to_have_text("Nothing waits to be sent")
    phone.page.goto(f"{site.url}/street#shift")
    phone.touch("Sign out")
    phone.page.wait_for_url("**/sign-in**")


def test_a_full_phone_says_that_nothing_was_recorded_and_keeps_the_form(
    phone: Phone, site: StreetSite
) -> None:
    phone.touch("Arrest")
    phone.page.get_by_label("Or in other words").fill("full phone")
    phone.page.evaluate(FILL_UP)
    phone.touch("Keep this arrest")
    phone.says("This phone is full. It is NOT recorded.")
    assert phone.page.get_by_label("Or in other words").input_value() == "full phone"
    phone.page.evaluate(MAKE_ROOM)
    phone.touch("Keep this arrest")
    phone.says("Arrest: kept")  # before that, nothing waits either
    expect(phone.page.locator("#pending")).to_have_text("Nothing waits to be sent")
    assert arrests(site).count("full phone") == 1


def test_a_browser_that_keeps_no_key_does_not_start_the_shift_and_says_so(
    browser: Browser, site: StreetSite
) -> None:
    with phone_at(browser, site, "officer") as phone:
        # What WebKit does in private windows: a key cannot be stored.
        phone.page.add_init_script(
            "const put = IDBObjectStore.prototype.put;"
            "IDBObjectStore.prototype.put = function (value, ...more) {"
            " if (value?.key instanceof CryptoKey) throw new DOMException('no', 'DataCloneError');"
            " return put.call(this, value, ...more); };"
            "navigator.storage.persist = navigator.storage.persisted = async () => false;"
        )
        phone.open()
        phone.says("may delete what is kept here")
        phone.touch(street_town.unit_of(site.workspace))
        phone.touch("Take the pack for this shift")
        phone.says("refuses to keep a key")
        assert not phone.page.get_by_role("button", name="Check in").count()


def test_a_pack_of_another_day_or_unit_is_refused_in_words(site: StreetSite) -> None:
    officer, unit = client_of(site, "officer"), street_town.unit_of(site.workspace).replace(" ", "+")
    wrong_day = officer.get(f"/street/pack?unit={unit}&day=2020-05-09")
    assert (wrong_day.status, "not of 2020-05-09" in wrong_day.text) == (409, True)
    wrong_unit = officer.get("/street/pack?unit=Nobody")
    assert (wrong_unit.status, "Ask your sergeant" in wrong_unit.text) == (409, True)
    assert officer.get("/street/pack?unit=").status == 422
    assert officer.get(f"/street/pack?unit={unit}&day=tomorrow").status == 422
    assert Client(officer.address).get(f"/street/pack?unit={unit}").status == 401


def test_an_outbox_of_another_page_or_shape_is_refused_whole(site: StreetSite) -> None:
    officer = client_of(site, "officer")
    assert officer.ask("POST", "/street/outbox", b"{}", Content_Type="text/plain").status == 415
    assert officer.ask("POST", "/street/outbox", b"{", Content_Type="application/json").status == 422
    foreign = {"Content_Type": "application/json", "Origin": "https://example.org"}
    assert officer.ask("POST", "/street/outbox", b'{"records": []}', **foreign).status == 403
    large = b" " * (3 * 1024 * 1024)
    assert officer.ask("POST", "/street/outbox", large, Content_Type="application/json").status == 413


def test_records_that_cannot_be_read_are_shown_to_the_sergeant(site: StreetSite) -> None:
    officer = client_of(site, "officer")
    record = {"id": "a" * 32, "kind": "dance", "form": "1", "key": 1, "sealed": "AAAA"}
    body = json.dumps({"records": [record]}).encode()
    answer = officer.ask("POST", "/street/outbox", body, Content_Type="application/json").json
    assert isinstance(answer, dict)
    assert "No form dance 1 is known" in answer["refused"][0]["reason"]
    page = client_of(site, "sergeant").get("/street/aside").text
    assert "dance" in page
    assert "No form dance 1 is known" in page
    assert client_of(site, "officer").get("/street/aside").status == 403


def test_the_board_shows_an_hour_who_is_where_and_who_is_late_and_changes_the_plan(
    phone: Phone, site: StreetSite, browser: Browser
) -> None:
    unit = street_town.unit_of(site.workspace)
    area = unit.split()[0]
    sergeant = client_of(site, "sergeant")
    phone.touch("Check in")
    phone.says("Checked in at")
    expect(phone.page.locator("#pending")).to_have_text("Nothing waits to be sent")
    board = sergeant.get(f"/street/board?area={area}").text
    assert "since 14:" in board
    shown = set(re.findall(r"<td role=\"cell\" data-label=\"When\">(\d\d:\d\d)", board))
    assert all("13:00" <= at <= "15:30" for at in shown), shown
    with phone_at(browser, site, "sergeant", is_dark=True) as screen:
        screen.page.goto(f"{site.url}/street/board?area={area}")
        assert faults(screen.page) == []
        screen.page.get_by_label("Unit").select_option(unit)
        screen.page.get_by_label("Reason", exact=True).first.fill("called to an accident")
        screen.touch("Draw its tour again")
        expect(screen.page.locator("main")).to_contain_text(f"of {unit} stands")
        plan = json.loads((site.workspace / "patrol" / "plan" / "plan.json").read_text("utf-8"))
        place = next(place["hotspot"] for place in plan["places"] if place["area"] == area)
        screen.page.get_by_label("Place of this hour", exact=False).fill(place)
        screen.page.get_by_label("Reason", exact=True).last.fill("a fight was reported")
        screen.touch("Send units there from now on")
        expect(screen.page.locator("main")).to_contain_text("stands. Tell them to take the pack again")
    assert client_of(site, "officer").get("/street/board").status == 403


def test_two_records_of_one_thing_stand_side_by_side(site: StreetSite) -> None:
    desk = replace(open_desk(site.workspace), actor="PC 7", role="officer", now=lambda: HOUR)
    for offence in ("robbery", "assault"):
        send(desk, write(desk, {"unit": "Ash late 9", "hotspot": "x", "offence": offence}))
    span = {"starts_at": HOUR - timedelta(minutes=20), "ends_at": HOUR - timedelta(minutes=5)}
    times = {name: at.isoformat() for name, at in span.items()}
    for hotspot in ("x", "y"):
        send(desk, write(desk, {"unit": "Ash late 9", "hotspot": hotspot, **times}, kind="check_out"))
    page = client_of(site, "sergeant").get("/street/aside").text
    assert "one thing or two?" in page
    assert "offence: robbery" in page
    assert "offence: assault" in page
    assert "at the same time" in page
    assert "not in the plan any more" in page
