// Other programs: the compiler, git, the tests.

import Foundation

/// A program that is run to its end.
public struct Command {
    public var arguments: [String]
    public var folder: URL?
    public var environment: [String: String] = [:]
    /// Seconds after which it is ended.
    public var limit: Double = 3600
    /// Seconds of a processor's time after which it is ended: what else the machine does is not counted.
    public var processorLimit: Int?
    /// Called each second with the last line of its output.
    public var progress: ((String) -> Void)?

    public init(_ arguments: [String], in folder: URL? = nil) {
        self.arguments = arguments
        self.folder = folder
    }

    public struct Result: Sendable {
        public let status: Int32
        public let isSignal: Bool
        public let isOutOfTime: Bool
        public let output: Data
        public let errors: String
        public var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// Runs it. What it prints goes through files, which never fill up.
    public func run() throws -> Result {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent("lab-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: place) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            (processorLimit.map { ["sh", "-c", "ulimit -t \($0) && exec \"$@\"", "sh"] } ?? []) + arguments
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        let files = ["output", "errors"].map { place.appendingPathComponent($0) }
        for file in files { try Data().write(to: file) }
        process.standardOutput = try FileHandle(forWritingTo: files[0])
        process.standardError = try FileHandle(forWritingTo: files[1])
        let end = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in end.signal() }
        try process.run()
        var isOutOfTime = false
        let deadline = DispatchTime.now() + limit
        while end.wait(timeout: progress == nil ? deadline : min(deadline, .now() + 1)) == .timedOut {
            guard DispatchTime.now() >= deadline else {
                if let line = Self.lastLine(of: files[0]) { progress?(line) }
                continue
            }
            isOutOfTime = true
            kill(process.processIdentifier, SIGKILL)
            end.wait()
            break
        }
        let isSignal = process.terminationReason == .uncaughtSignal
        // What a thread of Dispatch's starts has SIGXCPU blocked: then the kernel kills it.
        if processorLimit != nil, isSignal, [SIGXCPU, SIGKILL].contains(process.terminationStatus) {
            isOutOfTime = true
        }
        return Result(
            status: process.terminationStatus, isSignal: isSignal, isOutOfTime: isOutOfTime,
            output: try Data(contentsOf: files[0]),
            errors: String(decoding: try Data(contentsOf: files[1]), as: UTF8.self))
    }

    /// The last line of a file that is being written; it may still be a part of one.
    private static func lastLine(of file: URL) -> String? {
        guard let handle = try? FileHandle(forReadingFrom: file), let size = try? handle.seekToEnd() else { return nil }
        try? handle.seek(toOffset: size - min(size, 1000))
        guard let tail = try? handle.readToEnd() else { return nil }
        return String(decoding: tail, as: UTF8.self).split(separator: "\n").last.map(String.init)
    }

    /// Runs it; anything but success is an error with what it printed.
    @discardableResult
    public func output() throws -> String {
        let result = try run()
        guard result.status == 0, !result.isSignal else {
            throw LabError("\(arguments.joined(separator: " ")) failed:\n\(result.text)\(result.errors)")
        }
        return result.text
    }
}

/// `git` in a tree; returns what it prints without the last end of line.
@discardableResult
func git(_ arguments: String..., in tree: Tree) throws -> String {
    let text = try Command(["git"] + arguments, in: tree.root).output()
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
}
