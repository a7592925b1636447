// QEMU's execution log, read as it is written: how often each address was executed between two passages of a marker.
//
// A line is "Trace 0: 0x7f31c00 [0000000000000000/ffffffc080201f2a/00101023/ff000001] name": the program counter stands
// between the first two slashes.

import Foundation

final class InstructionLog: @unchecked Sendable {
    private let marker: UInt64
    private let ended = DispatchSemaphore(value: 0)
    private var current: [UInt64: Int] = [:]
    private var last: [UInt64: Int] = [:]

    // The state of the line that is being read.
    private var slashes = 0
    private var address: UInt64 = 0

    init(path: String, marker: UInt64) {
        self.marker = marker
        Thread.detachNewThread {
            let file = unsafe open(path, O_RDONLY)  // the string's own bytes
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = unsafe read(file, &buffer, buffer.count)  // no more than the buffer holds
                guard count > 0 else { break }
                for index in 0..<count { self.take(buffer[index]) }
            }
            close(file)
            self.ended.signal()
        }
    }

    /// What lay between the last two passages, when the machine has ended.
    func end() -> [UInt64: Int] {
        ended.wait()
        return last
    }

    private func take(_ byte: UInt8) {
        switch byte {
        case 0x0a: slashes = 0
        case 0x2f:
            slashes += 1
            if slashes == 1 { address = 0 } else if slashes == 2 { count() }
        default:
            if slashes == 1 { address = address << 4 | UInt64(byte < 0x40 ? byte - 0x30 : (byte & 0xdf) - 0x37) }
        }
    }

    private func count() {
        if address == marker {
            last = current
            current.removeAll(keepingCapacity: true)
        }
        current[address, default: 0] += 1
    }
}
