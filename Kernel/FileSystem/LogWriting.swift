// How the log reaches the disk: by the caller that set `isWriting`, while all others keep out.

import Storage
import SystemInterface

extension Log {
    enum Work { case commit, checkpoint }

    private var device: P.Device { system.platform.device }
    private var start: UInt32 { system.layout.logStart }

    /// Repeats what failed.
    func repeatWrite() -> Bool { write(parts.state.withLock { $0.pending } > 0 ? .commit : .checkpoint) }

    /// Writes while all other callers keep out, and lets them go on.
    func write(_ work: Work) -> Bool {
        let (covered, pending) = parts.state.withLock { ($0.covered, $0.pending) }
        var succeeded = true
        do throws(SystemError) {
            switch work {
            case .commit: try commit(first: covered, count: pending)
            case .checkpoint: try checkpoint()
            }
        } catch {
            succeeded = false
        }
        let hadFailed = parts.state.withLockWaking { state, wakes in
            wakes = true
            let hadFailed = state.hasFailed
            state.hasFailed = !succeeded
            if succeeded, work == .commit {
                state.covered = covered + pending
                state.pending = 0
                state.generation += 1
            } else if succeeded {
                state.covered = 0
            }
            state.isWriting = false
            return hadFailed
        }
        if hadFailed == succeeded {
            system.platform.report(
                succeeded
                    ? "file system: the disk takes writes again"
                    : "file system: the disk failed a write: nothing is changed until it takes writes again")
        }
        return succeeded
    }

    private func commit(first: Int, count: Int) throws(SystemError) {
        let parts = parts
        try device.write(count) {
            BlockRequest(block: start + 1 + UInt32(first + $0), memory: cache.memory(parts.buffers[first + $0]))
        }
        try device.flush()
        try writeHeader(first + count)
        try device.write(count) {
            BlockRequest(block: parts.homes[first + $0], memory: cache.memory(parts.buffers[first + $0]))
        }
        cache.unlog(count) { parts.buffers[first + $0] }
    }

    private func checkpoint() throws(SystemError) {
        try device.flush()
        try writeHeader(0)
    }

    private func writeHeader(_ count: Int) throws(SystemError) {
        let parts = parts
        let memory = parts.header[0]
        memory.withBytes { LogHeader.encode(count, into: &$0) { parts.homes[$0] } }
        try device.write(1) { _ in BlockRequest(block: start, memory: memory) }
        try device.flush()
    }
}
