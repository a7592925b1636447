// A guest that runs one program and powers off: qemu/start with a copy of the disk image in a folder of its own.

import BenchReport
import Foundation

struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

enum Machine {
    /// The kernel that qemu/start boots: the Makefile says which.
    static let kernel = ProcessInfo.processInfo.environment["KERNEL"] ?? "build/swiftlet.elf"

    /// What stands before a guest's command: whatever ends this program, or `timeout`, whose child it is, ends the guest.
    private static func leash(seconds: Int) -> [String] {
        let tied = ["setpriv", "--pdeathsig", "KILL"]
        return tied + ["timeout", "\(seconds)"] + tied
    }

    /// Boots, runs `command` (program,argument,...) in the shell's place, and returns what the console showed.
    /// - Parameters:
    ///   - options: those of qemu/start.
    ///   - counting: under -icount, where the counters count instructions; else as fast as the host can.
    ///   - entry: words that stand before the command, to enter a namespace.
    ///   - answering: is given each line of the console; true: a newline is typed.
    static func run(
        _ command: String, _ options: [String: String] = [:], counting: Bool = true, flags: String = "",
        seconds: Int = 120, entry: [String] = [], answering: ((Substring) throws -> Bool)? = nil
    ) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "swiftlet-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.copyItem(atPath: "build/fs.img", toPath: folder.appendingPathComponent("fs.img").path)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = leash(seconds: seconds) + entry + ["qemu/start"]
        var environment = ProcessInfo.processInfo.environment
        for name in ["MEM", "NET", "NIC", "PCAP", "V", "IP", "GATEWAY", "TAP", "GUEST", "UPLINK", "FSIMG", "PEER"] {
            environment[name] = nil
        }
        environment["CPUS"] = "1"
        environment["FOLDER"] = folder.path
        environment["RUN"] = command
        environment["QEMUFLAGS"] = (counting ? "-icount shift=0 " : "") + flags
        process.environment = environment.merging(options) { $1 }
        let console = Pipe()
        let keyboard = Pipe()
        process.standardInput = answering == nil ? FileHandle.nullDevice : keyboard
        process.standardOutput = console
        process.standardError = console
        try process.run()
        let text =
            if let answering {
                try dialogue(console.fileHandleForReading, keyboard.fileHandleForWriting, answering)
            } else {
                String(
                    decoding: console.fileHandleForReading.readDataToEndOfFile().filter { $0 != 13 }, as: UTF8.self)
            }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchError(
                "\(command): the machine ended with status \(process.terminationStatus). Its console:\n\(text)")
        }
        return text
    }

    /// Boots with all defaults, types the commands one after the other, each at the shell's prompt, and returns what the
    /// console showed. The last one powers the machine off.
    static func type(_ commands: [String]) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "swiftlet-typed-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let image = folder.appendingPathComponent("fs.img").path
        try FileManager.default.copyItem(atPath: "build/fs.img", toPath: image)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = leash(seconds: 120) + ["qemu/start"]
        process.environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "", "FSIMG": image]
        let console = Pipe(), keyboard = Pipe()
        process.standardInput = keyboard
        process.standardOutput = console
        process.standardError = console
        try process.run()
        var bytes: [UInt8] = []
        var next = commands[...]
        var seen = 0
        while case let data = console.fileHandleForReading.availableData, !data.isEmpty {
            bytes += data.filter { $0 != 13 }
            guard String(decoding: bytes[seen...], as: UTF8.self).hasSuffix("\n$ "), let command = next.popFirst()
            else {
                continue
            }
            seen = bytes.count
            keyboard.fileHandleForWriting.write(Data("\(command)\n".utf8))
        }
        process.waitUntilExit()
        let text = String(decoding: bytes, as: UTF8.self)
        guard process.terminationStatus == 0 else {
            throw BenchError("the machine ended with status \(process.terminationStatus). Its console:\n\(text)")
        }
        return text
    }

    /// Reads a console to its end, line by line, and types a newline where `answering` says so.
    private static func dialogue(
        _ console: FileHandle, _ keyboard: FileHandle, _ answering: (Substring) throws -> Bool
    ) throws -> String {
        var bytes: [UInt8] = []
        var start = 0
        while case let data = console.availableData, !data.isEmpty {
            bytes += data.filter { $0 != 13 }
            while let end = bytes[start...].firstIndex(of: 10) {
                let isAwaited = try answering(Substring(String(decoding: bytes[start..<end], as: UTF8.self)))
                if isAwaited { try keyboard.write(contentsOf: Data([10])) }
                start = end + 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The measures of bench, those named or all of a setting.
    static func measure(_ names: [String], _ setting: Setting, flags: String = "", seconds: Int = 120) throws
        -> Results
    {
        try measure(names, ["bench"], setting, slowness: flags.isEmpty ? 1 : 20, flags: flags, seconds: seconds)
    }

    /// The same operations' TLB flushes, in tenths.
    static func flushes(_ names: [String], _ setting: Setting) throws -> Results {
        let counter = FlushCounter()
        _ = try measure(
            names, ["bench", "-p"], setting, slowness: 1, flags: counter.flags, seconds: 120,
            answering: counter.take)
        var results = Results()
        for name in counter.results.names { results[setting.prefix + name] = counter.results[name] }
        return results
    }

    private static func measure(
        _ names: [String], _ program: [String], _ setting: Setting, slowness: UInt32, flags: String, seconds: Int,
        answering: ((Substring) throws -> Bool)? = nil
    ) throws -> Results {
        func command(_ option: [String]) -> String { (program + option + names).joined(separator: ",") }
        switch setting {
        case .alone:
            return Results(try run(command([]), flags: flags, seconds: seconds, answering: answering))
        case .wire(let card), .bridge(let card):
            let socket = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(getpid())-\(card)")
            let peer = try FramePeer(path: socket.path, slowness: slowness)
            var options = ["NET": "stream", "PEER": peer.path, "NIC": card, "IP": FramePeer.guest]
            if case .bridge = setting { options.merge(["NIC": "\(card),\(card)", "NET2": "none"]) { $1 } }
            let console = try run(command(["-n"]), options, flags: flags, seconds: seconds, answering: answering)
            return Results(console, prefix: setting.prefix)
        case .host(let card, _, let without):
            var options = ["NET": "tap", "NIC": card, "IP": HostStreams.guest + "/24"]
            if !without.isEmpty { options["ARGS"] = "vt-without=" + without }
            let console = try run(
                command(["-s"]), options, flags: flags, seconds: seconds, entry: HostNetwork.entry(),
                answering: answering)
            return Results(console, prefix: setting.prefix)
        }
    }
}
