"""The demo's own material: spoken phrases, and how a call's audio is made of them. No rows, no HTTP, no clock."""
