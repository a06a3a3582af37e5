// Empty on purpose: this file gives the precompiled header (HostlerFlags.cmake) something to belong to.
