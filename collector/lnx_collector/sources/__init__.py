"""Where samples come from: one folder per kind. The table says which module a `type` in the configuration means."""

from lnx_collector.contract import Source, SourceContext, SourceSettings
from lnx_collector.registry import load_kind

SOURCES: dict[str, str] = {
    "modbus-tcp": "lnx_collector.sources.modbus.tcp",
    "modbus-rtu": "lnx_collector.sources.modbus.rtu",
    "opcua": "lnx_collector.sources.opcua",
    "mqtt": "lnx_collector.sources.mqtt",
    "sparkplug": "lnx_collector.sources.sparkplug",
    "csv-folder": "lnx_collector.sources.csv_folder",
    "serial": "lnx_collector.sources.serial_line",
    "nmea": "lnx_collector.sources.nmea",
    "image-folder": "lnx_collector.sources.image_folder",
    "video-folder": "lnx_collector.sources.video_folder",
    "camera": "lnx_collector.sources.camera",
}


def build_source(settings: SourceSettings, context: SourceContext) -> Source:
    """The source that settings describe; no I/O yet."""
    source: Source = load_kind(SOURCES, settings.type).build(settings, context)
    return source
