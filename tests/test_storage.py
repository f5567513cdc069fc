import uuid

import pytest

from fiqra.articles import ArticleReader
from fiqra.model.errors import DataError
from fiqra.storage import Storage, list_remote, open_input

BODY = "أعلنت وزارة الدفاع السورية وقفا لإطلاق النار."


@pytest.fixture(params=["path", "file", "memory"])
def root(request, tmp_path):
    return {"path": str(tmp_path), "file": f"file://{tmp_path}", "memory": f"memory://{uuid.uuid4()}"}[request.param]


def test_files_are_written_whole_and_read_back_anywhere(root):
    storage = Storage(f"{root}/out/")
    storage.make_folder("parts")
    assert storage.names("parts") == set()
    assert storage.names("nowhere") == set()
    assert storage.read("parts/a") is None
    for content in (b"one", b"two"):
        storage.write("parts/a", content)
        assert storage.read("parts/a") == content
    assert storage.names("parts") == {"a"}


def test_articles_are_read_from_an_address(root):
    if "://" not in root:
        pytest.skip("a path is no address")
    storage = Storage(root)
    storage.make_folder("news/sub")
    storage.write("news/b.txt", BODY.encode())
    storage.write("news/sub/a.jsonl", f'{{"id": "x", "text": "{BODY}"}}\n'.encode())
    storage.write("news/c.doc", b"")
    assert [article.id for article in ArticleReader([f"{root}/news"])] == ["b.txt", "x"]
    assert [name for _, name in list_remote(f"{root}/news/b.txt")] == ["b.txt"]
    with open_input(f"{root}/news/b.txt") as file:
        assert file.read().decode() == BODY


def test_addresses_that_lead_nowhere_are_errors(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        ArticleReader([f"file://{tmp_path}/none"])
    with pytest.raises(DataError, match="can't reach it"):
        ArticleReader(["nosuch://a/b"])
