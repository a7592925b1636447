// QEMU's monitor, over its machine protocol (QMP), whose answers have an end.

import Foundation
import HostGuest
import QTest

final class Monitor {
    private let descriptor: Int32
    private var unread: [UInt8] = []

    /// - Parameter path: the socket at which QEMU listens. It serves one client at a time.
    init(_ path: String) throws {
        descriptor = try UnixSocket.connected(to: path)
        _ = try answer(to: ["execute": "qmp_capabilities"])
    }

    deinit { close(descriptor) }

    /// The monitor's answer to a command of its human interface.
    func ask(_ command: String) throws -> String {
        let printed =
            try answer(to: ["execute": "human-monitor-command", "arguments": ["command-line": command]]) as? String
            ?? ""
        return printed.replacingOccurrences(of: "\r\n", with: "\n")
    }

    private func answer(to request: [String: Any]) throws -> Any {
        let line = try JSONSerialization.data(withJSONObject: request) + Data("\n".utf8)
        // the line's own bytes
        let sent = unsafe line.withUnsafeBytes {
            unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard sent == line.count else { throw GuestError(description: "QEMU's monitor does not take \(request)") }
        while true {
            let message = try JSONSerialization.jsonObject(with: Data(try nextLine())) as? [String: Any] ?? [:]
            if let result = message["return"] { return result }
            // The greeting and events come between.
            if let error = message["error"] {
                throw GuestError(description: "QEMU's monitor, asked \(request): \(error)")
            }
        }
    }

    private func nextLine() throws -> [UInt8] {
        while true {
            if let end = unread.firstIndex(of: 10) {
                defer { unread.removeFirst(end + 1) }
                return Array(unread[..<end])
            }
            guard UnixSocket.isReadable(descriptor, milliseconds: Int32(Guest.patience) * 1000) else {
                throw GuestError(description: "QEMU's monitor does not answer")
            }
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = unsafe recv(descriptor, &buffer, buffer.count, 0)  // no more than the buffer holds
            guard count > 0 else { throw GuestError(description: "QEMU's monitor hung up") }
            unread += buffer[..<count]
        }
    }
}
