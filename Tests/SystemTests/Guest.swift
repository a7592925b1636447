// A machine under test: QEMU started by qemu/start, with a keyboard and a screen.
//
// Every wait has a deadline and waits for output, never for time to pass. When a test fails the whole console is
// printed, and the folder with the disk image and the packet capture is kept (KeptGuests).

import Foundation
import TestSupport
import Testing

/// The project's folder: this file is Tests/SystemTests/Guest.swift in it.
let projectFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

struct GuestError: Error, CustomStringConvertible {
    let description: String
}

/// What qemu/start has to be told of a card: its kind, perhaps with `QUEUE=packed` behind it.
func cardOptions(_ card: String) -> [String: String] {
    let words = card.split(separator: " ").map(String.init)
    return ["NIC": words[0]].merging(words.dropFirst().map { ("QUEUE", $0) }) { $1 }
}

final class Guest: @unchecked Sendable {
    /// Seconds that anything may take before the test gives up. Far more than it takes on a busy machine.
    static let patience: TimeInterval = 120

    /// The kernel with run-time checks (`make CHECKS=1`).
    static let kernel = "build/checks/swiftlet.elf"

    let folder: URL
    private let machine: Child
    private let condition = NSCondition()
    private var console: [UInt8] = []
    private var read = 0
    private var isClosed = false
    private let guests: KeptGuests

    /// Boots. Options are those of qemu/start: "CPUS": "4" and so on.
    /// - Parameters:
    ///   - image: a disk image to use and change; else a fresh copy of build/fs.img.
    ///   - script: what starts the machine, or several, with these arguments.
    ///   - network: the private network that it starts in.
    ///   - entry: else what stands before the command that starts it, such as another user's name.
    init(
        _ options: [String: String] = [:], image: URL? = nil, script: String = "qemu/start", arguments: [String] = [],
        network: PrivateNetwork? = nil, entry: [String] = []
    ) throws {
        guard let guests = KeptGuests.current else {
            throw GuestError(description: "a suite that starts guests has the trait .keepsGuests")
        }
        self.guests = guests
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let disk = image ?? folder.appendingPathComponent("fs.img")
        if image == nil {
            try FileManager.default.copyItem(at: projectFolder.appendingPathComponent("build/fs.img"), to: disk)
        }
        let start = projectFolder.appendingPathComponent(script)
        let entry = network?.entry ?? entry
        if network == nil, !entry.isEmpty {
            for (path, mode) in [(folder.path, 0o777), (disk.path, 0o666)] {
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            }
        }
        var environment = ProcessInfo.processInfo.environment
            .filter {
                ![
                    "CPUS", "MEM", "DISK", "NET", "NET2", "NET3", "NET4", "NIC", "ARGS", "FORWARD", "RUN", "PEER",
                    "PCAP", "QUEUES",
                    "QEMUFLAGS", "V", "IP", "GATEWAY", "NAMESERVER", "TAP", "GUEST", "UPLINK", "FSIMG", "KERNEL",
                    "MAKEFLAGS",
                    "MFLAGS",
                ].contains($0.key)
            }
            // On a tap a capture takes the card's offloads away (qemu/start).
            .merging(script == "qemu/start" && options["NET"] != "tap" ? ["PCAP": "1"] : [:]) { $1 }
            .merging(["FOLDER": folder.path, "KERNEL": Self.kernel]) { $1 }
            .merging(options) { $1 }
        if image != nil { environment["FSIMG"] = disk.path }
        if script == "qemu/start" {
            environment["QEMUFLAGS"] =
                (options["QEMUFLAGS"] ?? "") + " -qmp unix:\(folder.path)/monitor,server=on,wait=off"
        }
        machine = try Child(entry + [start.path] + arguments, environment: environment, input: .pipe)
        let screen = machine.output
        Thread.detachNewThread { [weak self] in
            while let bytes = Child.next(from: screen, seconds: 86_400), let self, self.take(bytes) {}
        }
    }

    /// What was printed; empty at the end. False then.
    private func take(_ bytes: [UInt8]) -> Bool {
        condition.withLock {
            isClosed = bytes.isEmpty
            console += bytes.filter { $0 != 13 }
            condition.broadcast()
        }
        return !bytes.isEmpty
    }

    deinit {
        machine.kill()
        guests.add(folder, console: transcript)
    }

    var capture: URL { folder.appendingPathComponent("packets.pcap") }

    /// Everything that was printed so far.
    var transcript: String {
        condition.lock()
        defer { condition.unlock() }
        return String(decoding: console, as: UTF8.self)
    }

    /// Waits until `text` is printed after what was read before; returns what came before it, and reads on behind it.
    @discardableResult
    func wait(for text: String, seconds: TimeInterval = patience) throws -> String {
        let wanted = Array(text.utf8)
        let deadline = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let place = find(wanted) {
                let before = String(decoding: console[read..<place], as: UTF8.self)
                read = place + wanted.count
                return before
            }
            if isClosed || !condition.wait(until: deadline) {
                if find(wanted) != nil { continue }
                let reason =
                    isClosed
                    ? "the machine ended before it printed" : "within \(Int(seconds)) s the machine did not print"
                throw GuestError(description: "\(reason) \"\(text)\"; its console is printed at the test's end")
            }
        }
    }

    /// Waits until all of these texts are printed, in any order, after what was read before; reads on behind the last.
    func wait(forAll texts: [String], seconds: TimeInterval = patience) throws {
        let start = condition.withLock { read }
        var end = start
        for text in texts {
            condition.withLock { read = start }
            try wait(for: text, seconds: seconds)
            end = max(end, condition.withLock { read })
        }
        condition.withLock { read = end }
    }

    /// Types a command that goes on in the background, and waits for what it says and for the prompt.
    func start(_ command: String, says text: String, seconds: TimeInterval = patience) throws {
        type(command + " &\n")
        try wait(for: command + " &", seconds: seconds)
        try wait(forAll: [text, "\n$ "], seconds: seconds)
    }

    private func find(_ wanted: [UInt8]) -> Int? {
        guard console.count >= read + wanted.count else { return nil }
        return (read...(console.count - wanted.count)).first {
            console[$0] == wanted[0] && console[$0..<$0 + wanted.count].elementsEqual(wanted)
        }
    }

    /// Waits for a typed line's echo. Messages of the kernel's may have fallen into it: whole lines, at one place.
    private func waitForEcho(of command: String, seconds: TimeInterval) throws {
        let wanted = Array((command + "\n").utf8)
        let deadline = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        while true {
            if let end = findEcho(wanted) {
                read = end
                condition.unlock()
                return
            }
            if isClosed || !condition.wait(until: deadline) { break }
        }
        condition.unlock()
        try wait(for: command + "\n", seconds: 0)  // says what was missing
    }

    /// Where the echo ends. The condition's lock is held.
    private func findEcho(_ wanted: [UInt8]) -> Int? {
        if let place = find(wanted) { return place + wanted.count }
        for start in read..<max(read, console.count) where console[start] == wanted[0] {
            var same = 0
            while same < wanted.count, start + same < console.count, console[start + same] == wanted[same] { same += 1 }
            let rest = wanted[same...]
            // Where lines end that may be a message's.
            for end in start + same..<min(start + same + 400, console.count) where console[end] == 10 {
                let next = end + 1
                if next + rest.count <= console.count, console[next..<next + rest.count].elementsEqual(rest) {
                    return next + rest.count
                }
            }
        }
        return nil
    }

    /// Waits for the shell's first prompt.
    func waitForShell() throws {
        try wait(for: "\n$ ")
        try expectAllHarts()
    }

    /// A machine goes on without a hart that does not come: a test does not.
    private func expectAllHarts() throws {
        let isShort = ["came up within", "does not start: going on"].contains { transcript.contains($0) }
        if isShort {
            throw GuestError(description: "not all harts of the machine came up; its console is printed at the end")
        }
    }

    /// Types keys as they are.
    func type(_ keys: String) { machine.write(keys.utf8) }

    /// Types a command and returns what it printed, up to the next prompt.
    func run(_ command: String, seconds: TimeInterval = patience) throws -> String {
        type(command + "\n")
        try waitForEcho(of: command, seconds: seconds)
        // The prompt comes at the start of a line; a command that printed nothing is followed by it at once.
        condition.lock()
        read -= 1
        condition.unlock()
        let output = try wait(for: "\n$ ", seconds: seconds)
        return String(output.dropFirst())
    }

    /// Asks QEMU's monitor, and returns its answer. It has a socket of its own: on the terminal its echo would fall
    /// into the guest's lines.
    func monitor(_ command: String) throws -> String {
        try Monitor(folder.appendingPathComponent("monitor").path).ask(command)
    }

    /// Lets the guest run on for so many seconds, then ends QEMU as a power failure would.
    func cutPower(after seconds: TimeInterval) {
        Thread.sleep(forTimeInterval: seconds)
        machine.kill()
    }

    /// Waits until QEMU ends; returns its exit status.
    func exitStatus(seconds: TimeInterval = patience) throws -> Int32 {
        guard let status = machine.status(within: seconds) else {
            let state = (try? String(contentsOfFile: "/proc/\(machine.pid)/status", encoding: .utf8)) ?? "gone"
            throw GuestError(
                description:
                    "the machine did not power off; its console is printed at the test's end. QEMU:\n\(state)")
        }
        try expectAllHarts()
        return status
    }

    /// Powers off from the shell.
    func halt() throws {
        type("halt\n")
        #expect(try exitStatus() == 0)
    }
}

/// Seconds that a program of the host's may take; the longest of them, ab, takes a minute.
let hostPatience: TimeInterval = 300

/// Runs a program of the host's and returns its exit status and what it printed.
func runOnHost(_ command: [String], environment: [String: String] = [:]) throws -> (status: Int32, output: String) {
    let child = try Child(
        command, environment: ProcessInfo.processInfo.environment.merging(environment) { $1 },
        folder: projectFolder.path)
    let (status, output) = try child.finish(seconds: hostPatience)
    return (status, String(decoding: output, as: UTF8.self))
}
