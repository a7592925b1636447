// QEMU, driven from outside over its qtest protocol: a program of the host's reads and writes ports, registers and
// memory of a machine whose processor sleeps. (Protocol: QEMU's documentation, "QTest Device Emulation Testing
// Framework".)
//
// Promise: writes reach the machine in order and before any later read; they are sent in batches, since only reads have
// something to wait for. When QEMU says no or ends, `failure` says so, and everything reads as all ones from then on;
// nothing waits for ever.

import Foundation
import HostGuest
import TestSupport

public struct QTestError: Error, CustomStringConvertible {
    public let description: String
    public init(description: String) { self.description = description }
}

/// Which machine.
public enum QTestArchitecture: String, Sendable {
    /// The PC, with an ISA bus; its processor halts at its first instruction.
    case i386
    /// The `virt` machine; its processor waits for an interrupt that stays disabled.
    case riscv64

    var program: String { "qemu-system-\(rawValue)" }

    /// Whether the emulator is installed.
    public var isAvailable: Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
        }
    }

    /// Firmware that does nothing: `hlt` and a jump back at the reset vector; `wfi` and a jump back.
    var firmware: [UInt8] {
        switch self {
        case .i386: [UInt8](repeating: 0, count: 65536 - 16) + [0xf4, 0xeb, 0xfd] + [UInt8](repeating: 0, count: 13)
        case .riscv64: [0x73, 0x00, 0x50, 0x10, 0x6f, 0xf0, 0xdf, 0xff]
        }
    }
}

public final class QTestMachine {
    /// Seconds that an answer may take.
    static let patience: Int32 = 20
    /// Commands whose answers may be outstanding: so few that neither side's socket fills up.
    private static let window = 200

    /// Where sockets, disk images and the like can go; removed with the machine.
    public let folder: URL
    /// Why the machine cannot be talked to any more.
    public private(set) var failure: String?
    /// The machine, behind a shell that reads: it ends with this process, however that ends.
    private let machine: Child
    private var socket: Int32 = -1
    private var outgoing: [UInt8] = []
    private var incoming: [UInt8] = []
    private var unanswered = 0

    /// Starts the machine.
    /// - Parameters:
    ///   - wires: network back ends that the test owns: `-netdev` n0, n1, and so on.
    ///   - arguments: further arguments of QEMU, given the machine's folder.
    public init(_ architecture: QTestArchitecture, wires: Int = 0, arguments: (URL) throws -> [String]) throws {
        folder = URL(fileURLWithPath: "/tmp/swiftlet-q\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let firmware = folder.appendingPathComponent("idle")
        try Data(architecture.firmware).write(to: firmware)
        let listener = try UnixSocket.listen(folder.appendingPathComponent("qtest").path)
        defer { close(listener) }
        var command = ["/bin/sh", "-c", "\"$@\" & machine=$!; read end; kill -9 $machine", "sh"]
        command += [
            architecture.program, "-nodefaults", "-display", "none", "-m", "64M", "-bios", firmware.path,
        ]
        command += architecture == .i386 ? ["-M", "pc"] : ["-M", "virt"]
        command += ["-qtest", "unix:\(folder.path)/qtest", "-qtest-log", "/dev/null"]
        for i in 0..<wires {
            command += [
                "-netdev",
                "dgram,id=n\(i),local.type=unix,local.path=\(folder.path)/qemu\(i),remote.type=unix,remote.path=\(folder.path)/test\(i)",
            ]
        }
        command += try arguments(folder)
        let errors = folder.appendingPathComponent("errors")
        machine = try Child(command, input: .pipe, output: .nothing, errors: .file(errors.path))
        do { socket = try UnixSocket.accept(listener, seconds: Self.patience) } catch {
            throw QTestError(
                description: "QEMU did not start: \((try? String(contentsOf: errors, encoding: .utf8)) ?? "")")
        }
        // Answered once the machine is complete.
        _ = answer("endianness")
        if failure != nil {
            throw QTestError(
                description: "QEMU does not answer: \((try? String(contentsOf: errors, encoding: .utf8)) ?? "")")
        }
    }

    deinit {
        if socket >= 0 { close(socket) }
        machine.closeInput()
        _ = machine.status(within: Child.grace)
        try? FileManager.default.removeItem(at: folder)
    }

    // MARK: Commands

    /// A command whose answer holds nothing.
    func tell(_ command: String) {
        guard failure == nil else { return }
        outgoing += command.utf8
        outgoing.append(10)
        unanswered += 1
        if unanswered >= Self.window { synchronise() }
    }

    /// A command, and what stands after the OK of its answer.
    func answer(_ command: String) -> String {
        tell(command)
        return synchronise()
    }

    /// The number that a command answers with.
    func number(_ command: String) -> UInt64 {
        let text = answer(command)
        return UInt64(text.hasPrefix("0x") ? text.dropFirst(2) : Substring(text), radix: 16) ?? .max
    }

    /// Waits until the machine has carried out every command; returns the last answer.
    @discardableResult
    public func synchronise() -> String {
        flush()
        var last = ""
        while unanswered > 0, failure == nil {
            guard let line = readLine() else { break }
            if line.hasPrefix("IRQ") { continue }
            unanswered -= 1
            guard line.hasPrefix("OK") else {
                failure = "QEMU answered: \(line)"
                break
            }
            last = String(line.dropFirst(3))
        }
        return failure == nil ? last : ""
    }

    private func flush() {
        var done = 0
        while done < outgoing.count, failure == nil {
            let count = unsafe outgoing.withUnsafeBytes {
                unsafe send(socket, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { failure = "QEMU is gone" } else { done += count }
        }
        outgoing.removeAll(keepingCapacity: true)
    }

    private func readLine() -> String? {
        while true {
            if let end = incoming.firstIndex(of: 10) {
                defer { incoming.removeFirst(end + 1) }
                return String(decoding: incoming[..<end], as: UTF8.self)
            }
            guard UnixSocket.isReadable(socket, milliseconds: Self.patience * 1000) else {
                failure = "QEMU did not answer within \(Self.patience) s"
                return nil
            }
            var buffer = [UInt8](repeating: 0, count: 16384)
            let count = unsafe recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else {
                failure = "QEMU has ended"
                return nil
            }
            incoming += buffer[..<count]
        }
    }

    // MARK: Memory

    /// Reads guest memory.
    public func read(_ address: UInt64, _ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        let digits = Array(
            answer("read 0x\(String(address, radix: 16)) 0x\(String(count, radix: 16))").utf8.dropFirst(2))
        guard digits.count == 2 * count else { return [UInt8](repeating: 0xff, count: count) }
        func value(_ digit: UInt8) -> UInt8 { digit < 58 ? digit - 48 : digit - 87 }
        return (0..<count).map { value(digits[2 * $0]) << 4 | value(digits[2 * $0 + 1]) }
    }

    /// Writes guest memory.
    public func write<Bytes: Collection>(_ address: UInt64, _ bytes: Bytes) where Bytes.Element == UInt8 {
        guard !bytes.isEmpty else { return }
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        tell(
            "write 0x\(String(address, radix: 16)) 0x\(String(bytes.count, radix: 16)) 0x\(String(decoding: text, as: UTF8.self))"
        )
    }
}
