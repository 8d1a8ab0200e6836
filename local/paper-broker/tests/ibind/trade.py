"""Logs in, places one order with its questions answered, changes it, cancels it, trades, and reads everything back.

Takes the settings as a JSON object on standard input; writes what it saw as a JSON object on standard output.
"""

import json
import sys

from ibind import IbkrClient
from ibind.client.ibkr_utils import OrderRequest, QuestionType
from ibind.oauth.oauth1a import OAuth1aConfig

ANSWERS = {
    QuestionType.PRICE_PERCENTAGE_CONSTRAINT: True,
    QuestionType.ORDER_VALUE_LIMIT: True,
    QuestionType.ORDER_SIZE_LIMIT: True,
    QuestionType.MARKET_ORDER_CONFIRMATION: True,
}


def main():
    settings = json.load(sys.stdin)
    client = log_in(settings)
    json.dump(trade(client, settings["account"]), sys.stdout)
    client.close()


def log_in(settings):
    config = OAuth1aConfig(
        oauth_rest_url=settings["base_url"],
        access_token=settings["access_token"],
        access_token_secret=settings["access_token_secret"],
        consumer_key=settings["consumer_key"],
        dh_prime=settings["dh_prime"],
        encryption_key_fp=settings["encryption_key"],
        signature_key_fp=settings["signature_key"],
        maintain_oauth=False,
    )
    return IbkrClient(
        account_id=settings["account"], use_oauth=True, oauth_config=config, timeout=10, max_retries=0, auto_register_shutdown=False
    )


def trade(client, account):
    saw = {"health": client.check_health(), "accounts": client.receive_brokerage_accounts().data["accounts"]}
    saw["portfolio"] = client.portfolio_accounts().data
    conid = client.stock_conid_by_symbol("AAPL").data["AAPL"]
    client.live_marketdata_snapshot([str(conid)], ["31"])
    saw["price"] = client.live_marketdata_snapshot([str(conid)], ["31"]).data[0]["31"]

    # Far below the market, and above both limits: three questions.
    resting = OrderRequest(
        conid=conid, side="BUY", quantity=1000, order_type="LMT", acct_id=account, price=150, coid="ibind-1", tif="GTC"
    )
    placed = client.place_order(resting, ANSWERS).data
    order_id = placed["order_id"]
    saw["placed"] = placed
    saw["first_look"] = client.live_orders().data["orders"]
    saw["live"] = client.live_orders().data["orders"]
    saw["status"] = client.order_status(order_id).data
    resting.price = 151
    resting.coid = None
    saw["changed"] = client.modify_order(order_id, resting, ANSWERS).data
    saw["cancelled"] = client.cancel_order(order_id).data

    market = OrderRequest(conid=conid, side="BUY", quantity=10, order_type="MKT", acct_id=account, coid="ibind-2", tif="DAY")
    saw["filled"] = client.place_order(market, ANSWERS).data
    saw["trades"] = client.trades().data
    try:
        client.place_order(market, ANSWERS)
        saw["again"] = "taken"
    except Exception as refused:
        saw["again"] = str(refused)
    return saw


main()
