"""The files of visits and help: protocol, crews, providers, schedule, sheets, calendars and packs."""
