"""IANA's information elements, and those of NetFlow v9 alone: their names and types."""
import csv
import pathlib

REGISTRY = pathlib.Path(__file__).resolve().parent / "../../shared/ie/registry"
REVERSE = 29305  # RFC 5103


def elements(file):
    with open(REGISTRY / file, encoding="utf-8") as f:
        return {int(r["id"]): (r["name"], r["type"]) for r in csv.DictReader(l for l in f if l[0] != "#")}


IANA = elements("0-iana.csv")
V9 = elements("0-netflow9.csv") | IANA
ID = {name: id for id, (name, _) in IANA.items()}


def element(version, id):
    """Its name and type."""
    return (V9 if version == 9 else IANA)[id]


def reverse(name):
    return "reverse" + name[0].upper() + name[1:]
