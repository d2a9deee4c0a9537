"""The servers of China futures as the client library tqsdk finds them: auth, md and td, which speak DIFF."""
