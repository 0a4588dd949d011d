"""type = "csv-folder": files that other programs write."""

from pathlib import Path

from lnx_collector.contract import SourceKind
from lnx_collector.sources.csv_folder.settings import CsvFolderSettings
from lnx_collector.sources.csv_folder.source import CsvFolderSource

KIND = SourceKind(CsvFolderSettings, CsvFolderSource, Path(__file__).with_name("sample.toml"))
