"""The reference receiver: takes OTLP logs, commits before it answers, counter-signs what it can prove, keeps years of records."""
