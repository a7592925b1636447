// Cutting the power at every write: what the disk then holds must mount, check clean, and have all that was promised.
//
// A workload runs on a disk that writes down each write, each flush, and each call that returned. For every moment in
// between, the disk as a power cut may leave it is built: all that was flushed, and of the writes since then
// everything, or nothing, or any part of them, since a disk may take them in any order. The rest of the call that was
// under way may be there or not; what calls before it did must be.

import DiskImage
import FileSystem
import Foundation
import SystemInterface
import Testing

/// One call of a workload. Each is one transaction, but for a long write and truncation, which come in steps.
enum Step: Sendable {
    case makeDirectory(String)
    case create(String)
    case write(String, offset: Int, [UInt8])
    case truncate(String)
    case link(String, String)
    case unlink(String)
    case rename(String, String)

    func run<P>(on system: FileSystem<P>) throws(SystemError) {
        switch self {
        case .makeDirectory(let path): try system.makeDirectory(path)
        case .create(let path): try system.touch(path)
        case .truncate(let path): _ = try system.open(path, [.writeOnly, .truncate])
        case .link(let old, let new): try system.link(old, new)
        case .unlink(let path): try system.unlink(path)
        case .rename(let old, let new): try system.rename(old, new)
        case .write(let path, let offset, let bytes):
            let file = try system.open(path, [.writeOnly]).inode
            if let error = system.write(file, at: offset, bytes).error { throw error }
        }
    }

    /// What may be found after a cut during this step: the model with a part of the step done.
    func outcomes(from model: Model) -> [Model] {
        switch self {
        case .write(let path, let offset, let bytes):
            // A transaction ends at a block's boundary of the file, or with the write.
            var ends = Array(stride(from: 1024 - offset % 1024, to: bytes.count, by: 1024))
            ends = [0] + ends + [bytes.count]
            return ends.map { model.writing(path, offset, Array(bytes.prefix($0))) }
        default: return [model, model.applying(self)]
        }
    }
}

/// What the file system should hold: files by identity, so that links share their content, and directories as nil.
struct Model: Equatable, Sendable {
    var files: [Int: [UInt8]] = [:]
    var names: [String: Int?] = [:]

    /// What can be seen: each path with its content; a directory has none.
    var tree: [String: [UInt8]?] { names.mapValues { $0.flatMap { files[$0] } } }

    func writing(_ path: String, _ offset: Int, _ bytes: [UInt8]) -> Model {
        var model = self
        guard let file = names[path]!, var content = model.files[file] else { return self }
        if content.count < offset + bytes.count {
            content += [UInt8](repeating: 0, count: offset + bytes.count - content.count)
        }
        content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        model.files[file] = content
        return model
    }

    func applying(_ step: Step) -> Model {
        var model = self
        switch step {
        case .makeDirectory(let path): model.names[path] = .some(nil)
        case .create(let path):
            if model.names[path] == nil {
                let identity = (model.files.keys.max() ?? 0) + 1
                model.files[identity] = []
                model.names[path] = identity
            }
        case .write(let path, let offset, let bytes): return writing(path, offset, bytes)
        case .truncate(let path): if let file = names[path]! { model.files[file] = [] }
        case .link(let old, let new): model.names[new] = names[old]!
        case .unlink(let path): model.names[path] = nil
        case .rename(let old, let new):
            model.names[new] = names[old]!
            model.names[old] = nil
        }
        return model
    }
}

/// A disk over another one: the base stays as it is.
final class OverlayDisk: BlockDevice {
    let blockCount: UInt32
    private let base: [UInt8]
    private var changed: [UInt32: [UInt8]]

    init(_ base: [UInt8], _ changed: [UInt32: [UInt8]]) {
        blockCount = UInt32(base.count / blockSize)
        self.base = base
        self.changed = changed
    }

    /// The writes that recovery made, to cut it short as well.
    private(set) var writes: [(block: UInt32, data: [UInt8])] = []

    func read(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        for index in 0..<count {
            let request = request(index)
            guard request.block < blockCount else { throw .inputOutput }
            if let data = changed[request.block] {
                request.memory.store(data)
            } else {
                request.memory.store(base, from: Int(request.block) * blockSize)
            }
        }
    }

    func write(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        for index in 0..<count {
            let request = request(index)
            guard request.block < blockCount else { throw .inputOutput }
            let data = request.memory.copy
            changed[request.block] = data
            writes.append((request.block, data))
        }
    }

    func flush() throws(SystemError) {}
}

/// A workload, recorded, and the cuts tried on it.
final class PowerCut {
    let workload: [[Step]]
    let start: [UInt8]
    let events: [TestDisk.Event]
    private(set) var cuts = 0
    private var random: Seeded

    /// Records what these threads do, each its own steps; their files are apart, each in "/tN" if there is more than
    /// one.
    init(_ layout: DiskLayout, _ workload: [[Step]], seed: UInt64 = 1) throws {
        let disk = try makeDisk(layout)
        let system = try mountThreaded(disk)
        if workload.count > 1 { for thread in workload.indices { try system.makeDirectory("/t\(thread)") } }
        try system.synchronize()
        self.workload = workload
        start = disk.image
        random = Seeded(seed)
        disk.startRecording()
        onThreads(workload.count) { thread in
            for step in workload[thread] {
                if let error = failure({ () throws(SystemError) in try step.run(on: system) }) {
                    Issue.record("\(step): \(error)")
                }
                disk.note(.returned(thread: thread))
            }
        }
        events = disk.stopRecording()
    }

    /// Cuts after every event, with `tries` random parts of what was not flushed besides all and nothing of it.
    func cutEverywhere(tries: Int) {
        // One durable image that grows with the events; what is unflushed lies over it.
        var durable = start
        var unflushed: [(block: UInt32, data: [UInt8])] = []
        var done = [Int](repeating: 0, count: workload.count)
        var models = workload.map { _ in Model() }
        for thread in workload.indices where workload.count > 1 { models[thread].names["/t\(thread)"] = .some(nil) }
        /// What each thread may find: every part of the step it is in.
        func trees(_ thread: Int) -> [[String: [UInt8]?]] {
            let left = workload[thread].dropFirst(done[thread])
            return (left.first?.outcomes(from: models[thread]) ?? [models[thread]]).map(\.tree)
        }
        var allowed = workload.indices.map(trees)
        for event in events {
            switch event {
            case .write(let block, let data): unflushed.append((block, data))
            case .flush:
                for (block, data) in unflushed {
                    durable.replaceSubrange(Int(block) * blockSize..<(Int(block) + 1) * blockSize, with: data)
                }
                unflushed = []
            case .returned(let thread):
                models[thread] = models[thread].applying(workload[thread][done[thread]])
                done[thread] += 1
                allowed[thread] = trees(thread)
            }
            for choice in 0..<(unflushed.isEmpty ? 1 : unflushed.count == 1 ? 2 : 2 + tries) {
                // Of two writes to one block, the disk has one or the other.
                var kept: [UInt32: [UInt8]] = [:]
                for (block, data) in choice >= 2 ? unflushed.shuffled(using: &random) : unflushed {
                    if choice == 0 || choice >= 2 && Bool.random(using: &random) { kept[block] = data }
                }
                tryCut(durable, kept, allowed)
            }
        }
    }

    private func tryCut(_ base: [UInt8], _ kept: [UInt32: [UInt8]], _ allowed: [[[String: [UInt8]?]]]) {
        cuts += 1
        let disk = OverlayDisk(base, kept)
        verify(disk, allowed)
        // Now and then the power goes again while the log is brought home.
        guard cuts % 16 == 0, !disk.writes.isEmpty else { return }
        cuts += 1
        var again = kept
        for write in disk.writes.prefix(Int.random(in: 0..<disk.writes.count, using: &random)) {
            again[write.block] = write.data
        }
        verify(OverlayDisk(base, again), allowed)
    }

    private func verify(_ disk: OverlayDisk, _ allowed: [[[String: [UInt8]?]]]) {
        do {
            var problems: [DiskProblem] = []
            _ = try DiskCheck.run(HostPlatform(disk)) { if !$0.isNote { problems.append($0) } }
            let system = try FileSystem.mount(HostPlatform(disk, monitors: NoMonitor.self), buffers: 64, inodes: 50)
            _ = try DiskCheck.run(HostPlatform(disk)) { if $0.kind != .logPending { problems.append($0) } }
            if !problems.isEmpty { Issue.record("cut \(cuts): \(problems)") }
            var found: [String: [UInt8]?] = [:]
            try walk(system, "", &found)
            for (thread, trees) in allowed.enumerated() {
                let own = allowed.count == 1 ? found : found.filter { $0.key.hasPrefix("/t\(thread)") }
                if !trees.contains(own) {
                    Issue.record("cut \(cuts): thread \(thread) finds \(own.mapValues { $0?.count })")
                }
            }
        } catch {
            Issue.record("cut \(cuts): \(error)")
        }
    }

    private func walk<P>(_ system: FileSystem<P>, _ path: String, _ found: inout [String: [UInt8]?]) throws {
        for (name, _) in try system.entries(of: path + "/") where name != "." && name != ".." {
            let child = path + "/" + name
            if try system.status(child).type == FileType.directory.rawValue {
                found[child] = .some(nil)
                try walk(system, child, &found)
            } else {
                found[child] = try system.contents(of: child)
            }
        }
    }
}

@Suite struct PowerCutTests {
    private func run(_ name: String, _ layout: DiskLayout, _ workload: [[Step]], tries: Int = 6) throws {
        let cut = try PowerCut(layout, workload)
        cut.cutEverywhere(tries: tries)
        print("power cuts, \(name): \(cut.cuts) tried")
        #expect(cut.cuts > 100)
    }

    /// Small calls of every kind, so many that the log wraps several times.
    private func mixed(_ root: String, seed: UInt64, count: Int) -> [Step] {
        var random = Seeded(seed)
        var model = Model()
        var steps: [Step] = []
        func add(_ step: Step) {
            steps.append(step)
            model = model.applying(step)
        }
        for index in 0..<count {
            let files = model.names.filter { $0.value != nil }.map(\.key).sorted()
            let directories = model.names.filter { name in
                name.value == nil && !model.names.keys.contains { $0.hasPrefix(name.key + "/") }
            }.map(\.key).sorted()
            let parent =
                model.names.filter { $0.value == nil }.map(\.key).sorted().randomElement(using: &random) ?? root
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1: add(.create("\(parent)/f\(index)"))
            case 2: add(.makeDirectory("\(parent)/d\(index)"))
            case 3: if let file = files.randomElement(using: &random) { add(.link(file, "\(parent)/l\(index)")) }
            case 4: if let file = files.randomElement(using: &random) { add(.unlink(file)) }
            case 5: if let directory = directories.randomElement(using: &random) { add(.unlink(directory)) }
            case 6: if let file = files.randomElement(using: &random) { add(.truncate(file)) }
            default:
                guard let file = files.randomElement(using: &random), let identity = model.names[file]!,
                    let content = model.files[identity]
                else { continue }
                let offset = Int.random(in: 0...content.count, using: &random)
                add(.write(file, offset: offset, pattern(Int.random(in: 1...6000, using: &random), seed: index)))
            }
        }
        return steps
    }

    @Test func aFileIsMadeAndReplaced() throws {
        try run(
            "a file made and replaced", makeLayout(blocks: 300),
            [
                [
                    .create("/a"), .write("/a", offset: 0, pattern(5000)), .create("/b"),
                    .write("/b", offset: 0, pattern(3000, seed: 2)),
                    .unlink("/a"), .link("/b", "/a"), .unlink("/b"), .truncate("/a"),
                    .write("/a", offset: 0, pattern(2500, seed: 3)),
                ]
            ], tries: 20)
    }

    /// A name is the old file's or the new one's at every moment, and a directory is in one place.
    @Test func namesAreReplacedAtOnce() throws {
        try run(
            "names replaced", makeLayout(blocks: 300),
            [
                [
                    .create("/a"), .write("/a", offset: 0, pattern(5000)), .create("/b"),
                    .write("/b", offset: 0, pattern(3000, seed: 2)), .rename("/b", "/a"), .rename("/a", "/c"),
                    .makeDirectory("/d"), .makeDirectory("/e"), .create("/f"), .rename("/d", "/e/x"),
                    .rename("/f", "/e/x/f"), .rename("/c", "/e/x/f"), .rename("/e/x/f", "/g"),
                    .makeDirectory("/h"), .rename("/e/x", "/h"),
                ]
            ], tries: 20)
    }

    @Test func aLargeFileIsWrittenInSteps() throws {
        try run(
            "a large file", makeLayout(blocks: 700),
            [
                [
                    .create("/a"), .write("/a", offset: 0, pattern(120_000)),
                    .write("/a", offset: 5000, pattern(60_000, seed: 2)),
                    .create("/b"), .write("/b", offset: 0, pattern(50_000, seed: 3)), .unlink("/a"),
                    .create("/c"), .write("/c", offset: 0, pattern(70_000, seed: 4)), .truncate("/c"), .unlink("/b"),
                ]
            ], tries: 3)
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func callsOfEveryKind(seed: UInt64) throws {
        let log: UInt32 = seed % 2 == 0 ? 30 : 31
        try run(
            "calls of every kind, seed \(seed)", makeLayout(blocks: 500, inodes: 96, log: log),
            [mixed("", seed: seed, count: 120)])
    }

    @Test func theSmallestLogAndDoubleIndirectBlocks() throws {
        try run("small log", makeLayout(blocks: 500, inodes: 96, log: 13), [mixed("", seed: 9, count: 80)])
        try run(
            "double indirect", makeLayout(blocks: 900, inodes: 96, log: 20, doubleIndirect: true),
            [
                [
                    .create("/a"), .write("/a", offset: 0, pattern(300_000)), .create("/b"),
                    .write("/b", offset: 0, pattern(40_000)),
                    .write("/a", offset: 290_000, pattern(50_000, seed: 5)), .unlink("/b"), .truncate("/a"),
                    .write("/a", offset: 0, pattern(20_000, seed: 6)), .unlink("/a"),
                ]
            ], tries: 1)
    }

    @Test func threadsThatCommitTogether() throws {
        for seed in 1...3 as ClosedRange<UInt64> {
            try run(
                "four threads, seed \(seed)", makeLayout(blocks: 900, inodes: 200),
                (0..<4).map { thread in
                    mixed("/t\(thread)", seed: seed * 10 + UInt64(thread), count: 30)
                }, tries: 4)
        }
    }
}
