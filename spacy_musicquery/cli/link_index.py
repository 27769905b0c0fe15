from pathlib import Path
from typing import Optional

import typer
from wasabi import msg

from ..data.link_table import read_sql, read_table
from ..linking.index import LinkIndex
from ._util import plain_errors, refuse


def link_index(
    table: Optional[Path] = typer.Argument(
        None, metavar="[TABLE]", help="Table: .csv, .jsonl or .parquet", show_default=False
    ),
    output_path: Path = typer.Option(..., "--out", "-o", help="Where to save the index"),
    url: Optional[str] = typer.Option(
        None, "--sql", help="Database to read instead of a file: an SQLAlchemy URL"
    ),
    query: Optional[str] = typer.Option(
        None, "--query", help="What to ask it; :since stands for the value of --since"
    ),
    since: Optional[str] = typer.Option(
        None, "--since", help="Read only what has changed since then"
    ),
    update: Optional[Path] = typer.Option(
        None, "--update", help="Index to change: the rows are new, changed or deleted ones"
    ),
    type_name: Optional[str] = typer.Option(
        None, "--type", help="Type of rows without one"
    ),
) -> None:
    """Build the index that `music_query_linker` links queries to.

    The table has a column `name`, and may have id, type, aliases, artist, artist_id,
    popularity and deleted.
    """
    with plain_errors():
        if (table is None) == (url is None):
            refuse("TABLE", table, "name a file, or a database with --sql")
        if (url is None) != (query is None):
            refuse("--query", query, "a database needs a query, and a file has none")
        if since is not None and update is None:
            refuse("--since", since, "what has changed goes into another index: --update")
        old = None if update is None else LinkIndex.from_disk(update)
        artists = {entry.id: entry.name for entry in old.entries()} if old else None
        if table is not None:
            read = read_table(table, type_name, artists)
        else:
            assert url is not None and query is not None
            read = read_sql(url, query, type_name or "title", artists, since)
        if old is not None:
            index = old.updated(read.entries, read.deleted)
        else:
            index = LinkIndex.build(read.entries)
        index.to_disk(output_path)
    size = output_path.stat().st_size / 1e6
    msg.good(
        f"{len(index):,} entries ({', '.join(index.types)}), {size:.1f} MB: {output_path}"
    )
