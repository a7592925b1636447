// A guest of a host tool's: QEMU started by qemu/start, with a keyboard and a screen. Every wait has a deadline.

import Foundation

/// One run of a kernel.
public final class GuestMachine: @unchecked Sendable {
    private let process = Process()
    private let keyboard = Pipe()
    private let condition = NSCondition()
    private var console: [UInt8] = []
    private var read = 0
    private var isClosed = false
    private let folder: URL

    /// Starts it on a copy of the disk image of a tree.
    /// - Parameters:
    ///   - root: the tree's folder.
    ///   - kernel: nil: the tree's own.
    ///   - environment: options of qemu/start.
    ///   - entry: words that stand before the command, to enter a namespace.
    ///   - shown: is given what the guest prints, piece by piece.
    public init(
        root: URL, kernel: URL? = nil, environment: [String: String], entry: [String] = [],
        shown: @escaping @Sendable (String) -> Void = { _ in }
    ) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("guest-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let disk = folder.appendingPathComponent("fs.img")
        try FileManager.default.copyItem(at: root.appendingPathComponent("build/fs.img"), to: disk)
        let start = root.appendingPathComponent("qemu/start")
        #if os(Linux)
            // Whatever ends this program ends its guest.
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["setpriv", "--pdeathsig", "KILL"] + entry + [start.path]
        #else
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = entry + [start.path]
        #endif
        process.currentDirectoryURL = root
        process.environment = ProcessInfo.processInfo.environment.filter { !Self.options.contains($0.key) }
            .merging(environment) { $1 }
            .merging(["FSIMG": disk.path, "FOLDER": folder.path]) { $1 }
            .merging(kernel.map { ["KERNEL": $0.path] } ?? [:]) { $1 }
        let screen = Pipe()
        process.standardInput = keyboard
        process.standardOutput = screen
        process.standardError = screen
        try process.run()
        let output = screen.fileHandleForReading
        Thread.detachNewThread { [weak self] in
            while case let bytes = output.availableData, let self, self.take(bytes) {
                shown(String(decoding: bytes.filter { $0 != 13 }, as: UTF8.self))
            }
        }
    }

    /// Variables of qemu/start: those of the tool's own environment are not meant for its guest.
    private static let options: Set<String> = [
        "CPUS", "MEM", "DISK", "NET", "NET2", "NET3", "NET4", "NIC", "QUEUE", "QUEUES", "ARGS", "FORWARD", "RUN",
        "PEER", "PCAP",
        "QEMUFLAGS", "V", "IP", "GATEWAY", "NAMESERVER", "TAP", "GUEST", "UPLINK", "KERNEL", "MAKEFLAGS", "MFLAGS",
        "MAKELEVEL",
    ]

    deinit { end() }

    /// Waits until the machine has powered off; false when it has not within so many seconds.
    public func waitForEnd(seconds: Double) -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        return condition.withLock {
            while !isClosed { if !condition.wait(until: deadline) { return isClosed } }
            return true
        }
    }

    /// Ends it as a power failure would.
    public func end() {
        if process.isRunning {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        try? FileManager.default.removeItem(at: folder)
    }

    private func take(_ bytes: Data) -> Bool {
        condition.withLock {
            isClosed = bytes.isEmpty
            console += bytes.filter { $0 != 13 }
            condition.broadcast()
        }
        return !bytes.isEmpty
    }

    /// All that was printed so far.
    public var transcript: String { condition.withLock { String(decoding: console, as: UTF8.self) } }

    /// Waits until `text` stands behind what was read before, and reads on behind it.
    /// - Returns: what came before it; nil when the machine ended or panicked first, or after so many seconds.
    public func wait(for text: String, seconds: Double) -> String? {
        let wanted = Array(text.utf8), deadline = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let place = find(wanted) {
                defer { read = place + wanted.count }
                return String(decoding: console[read..<place], as: UTF8.self)
            }
            // A panic's report is whole when the machine has powered off. A process that was started meanwhile may hold
            // the console open: so the machine itself is looked at, too.
            guard !isClosed, Date() < deadline else { return nil }
            if !condition.wait(until: min(deadline, Date(timeIntervalSinceNow: 0.25))), !process.isRunning {
                isClosed = true
            }
        }
    }

    private func find(_ wanted: [UInt8]) -> Int? {
        guard console.count >= read + wanted.count else { return nil }
        return (read...console.count - wanted.count).first {
            console[$0] == wanted[0] && console[$0..<$0 + wanted.count].elementsEqual(wanted)
        }
    }

    /// What is there behind what was read before, for a message.
    public var unread: String { condition.withLock { String(decoding: console[read...], as: UTF8.self) } }

    /// Whether it has ended.
    public var hasEnded: Bool { condition.withLock { isClosed } }

    /// Types keys as they are.
    public func type(_ keys: String) { try? keyboard.fileHandleForWriting.write(contentsOf: Data(keys.utf8)) }

    /// Types a command; true when the guest has shown it.
    public func start(_ command: String, seconds: Double) -> Bool {
        type(command + "\n")
        return wait(for: command + "\n", seconds: seconds) != nil
    }

    /// What the command that was started prints, up to the next prompt.
    public func finish(seconds: Double) -> String? {
        condition.withLock { read -= 1 }  // the prompt comes at the start of a line
        return wait(for: "\n$ ", seconds: seconds).map { String($0.dropFirst()) }
    }
}
