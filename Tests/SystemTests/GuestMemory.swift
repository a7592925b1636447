// A guest's memory and device registers, written from outside while it runs: QEMU's qtest protocol beside the usual
// machine.

import Foundation
import HostGuest
import QTest

final class GuestMemory {
    private let path = FileManager.default.temporaryDirectory.appendingPathComponent("qtest-\(UUID().uuidString)").path
    private var descriptor: Int32 = -1

    /// What a guest's QEMUFLAGS need, before `connect`.
    var flags: String { "-qtest unix:\(path),server=on,wait=off -qtest-log /dev/null" }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The machine runs.
    func connect() throws { descriptor = try UnixSocket.connected(to: path) }

    /// Writes 8, 16 or 32 bits at a physical address.
    func write(_ value: UInt8, at address: UInt64) throws { try command("writeb \(address) \(value)") }
    func write(_ value: UInt16, at address: UInt64) throws { try command("writew \(address) \(value)") }
    func write(_ value: UInt32, at address: UInt64) throws { try command("writel \(address) \(value)") }

    private func command(_ line: String) throws {
        let bytes = Array((line + "\n").utf8)
        let sent = unsafe send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))  // the line's own bytes
        var answer: [UInt8] = []
        while sent == bytes.count, answer.last != 10, UnixSocket.isReadable(descriptor, milliseconds: 30_000) {
            var buffer = [UInt8](repeating: 0, count: 256)
            let count = unsafe recv(descriptor, &buffer, buffer.count, 0)  // no more than the buffer holds
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        guard answer.starts(with: Array("OK".utf8)) else {
            throw GuestError(description: "qtest did not do \(line): \(String(decoding: answer, as: UTF8.self))")
        }
    }
}
