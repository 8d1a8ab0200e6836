"""Logs users in with ibind and places orders for each; says what the orders cost this process.

Takes the settings as a JSON object on standard input; writes a JSON object on standard output.
"""

import json
import resource
import sys
import time

from ibind import IbkrClient
from ibind.client.ibkr_utils import OrderRequest
from ibind.oauth.oauth1a import OAuth1aConfig


def main():
    settings = json.load(sys.stdin)
    clients = [(log_in(settings, user), user["account"]) for user in settings["users"]]
    for client, account in clients:
        place(client, account, settings, "warm")
    began, used = time.monotonic(), cpu_seconds()
    placed = 0
    for client, account in clients:
        for number in range(settings["orders_of_user"]):
            place(client, account, settings, number)
            placed += 1
    cost = {"cpu_seconds": cpu_seconds() - used, "seconds": time.monotonic() - began, "orders": placed}
    json.dump(cost, sys.stdout)
    for client, _ in clients:
        client.close()


def log_in(settings, user):
    config = OAuth1aConfig(
        oauth_rest_url=settings["base_url"],
        access_token=user["access_token"],
        access_token_secret=user["access_token_secret"],
        consumer_key=settings["consumer_key"],
        dh_prime=settings["dh_prime"],
        encryption_key_fp=settings["encryption_key"],
        signature_key_fp=settings["signature_key"],
        maintain_oauth=False,
    )
    client = IbkrClient(
        account_id=user["account"], use_oauth=True, oauth_config=config, timeout=10, max_retries=0, auto_register_shutdown=False
    )
    client.receive_brokerage_accounts()
    return client


def place(client, account, settings, name):
    order = OrderRequest(
        conid=settings["conid"], side="BUY", quantity=1, order_type="LMT", acct_id=account, price=settings["limit_price"],
        coid=f"{account}-{name}", tif="DAY",
    )
    placed = client.place_order(order, {}).data
    if not placed["order_id"]:
        raise RuntimeError(f"not placed: {placed}")


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


main()
