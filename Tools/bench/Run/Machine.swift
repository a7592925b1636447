// A guest that runs one program and powers off: qemu/start with a copy of the disk image in a folder of its own.

import BenchReport
import Foundation

struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

enum Machine {
    /// Boots, runs `command` (program,argument,...) in the shell's place, and returns what the console showed.
    /// - Parameters:
    ///   - options: those of qemu/start.
    ///   - counting: under -icount, where the counters count instructions; else as fast as the host can.
    ///   - entry: words that stand before the command, to enter a namespace.
    static func run(
        _ command: String, _ options: [String: String] = [:], counting: Bool = true, flags: String = "",
        seconds: Int = 120, entry: [String] = []
    ) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "swiftlet-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.copyItem(atPath: "build/fs.img", toPath: folder.appendingPathComponent("fs.img").path)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // Whatever ends this program ends its guest.
        process.arguments = ["setpriv", "--pdeathsig", "KILL", "timeout", "\(seconds)"] + entry + ["qemu/start"]
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
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = console
        process.standardError = console
        try process.run()
        let text = String(
            decoding: console.fileHandleForReading.readDataToEndOfFile().filter { $0 != 13 }, as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchError(
                "\(command): the machine ended with status \(process.terminationStatus). Its console:\n\(text)")
        }
        return text
    }

    /// The measures of bench, those named or all; over a network card those of the network.
    static func measure(_ names: [String], card: String? = nil, flags: String = "", seconds: Int = 120) throws
        -> Results
    {
        guard let card else {
            return Results(try run((["bench"] + names).joined(separator: ","), flags: flags, seconds: seconds))
        }
        let socket = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(getpid())-\(card)").path
        let peer = try FramePeer(path: socket, slowness: flags.isEmpty ? 1 : 20)
        let command = (["bench", "-n"] + names).joined(separator: ",")
        let options = ["NET": "stream", "PEER": peer.path, "NIC": card, "IP": FramePeer.guest]
        let console = try run(command, options, flags: flags, seconds: seconds)
        return Results(console, prefix: card + "-")
    }
}
