// Many threads on one file system.

import DiskImage
@testable import FileSystem
import Foundation
import SystemInterface
import Testing

/// Runs `body` on so many threads and waits for all of them.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let group = DispatchGroup()
    for index in 0..<count {
        group.enter()
        let thread = Thread {
            body(index)
            group.leave()
        }
        thread.stackSize = 1 << 20
        thread.start()
    }
    group.wait()
}

/// What happened, in order.
private final class Order: @unchecked Sendable {
    private let lock = NSLock()
    private var numbers: [Int] = []
    func note(_ number: Int) { lock.withLock { numbers.append(number) } }
    var all: [Int] { lock.withLock { numbers } }
}

@Suite struct ConcurrencyTests {
    /// A reservation of the log that must wait for room is not overtaken by smaller ones that would fit: the first to
    /// come is the first to be served.
    @Test func reservationsOfTheLogAreServedInTheOrderInWhichTheyCome() throws {
        let system = try mountThreaded(makeDisk())
        let log = system.log
        func waiting() -> Int { log.parts.state.withLock { $0.waitingToEnter } }
        func waitFor(_ count: Int) {
            let deadline = Date(timeIntervalSinceNow: 30)
            while waiting() < count, Date() < deadline { sched_yield() }
            #expect(waiting() == count, "a reservation that came later did not wait")
        }
        let order = Order()
        let first = try log.begin(20)
        let group = DispatchGroup()
        // The later ones fit beside the first share, and not beside the reservation that came before them: so they join
        // only after that one was noted, whenever the threads run.
        for (index, blocks) in [25, 6, 6].enumerated() {
            group.enter()
            Thread.detachNewThread {
                do throws(SystemError) {
                    let share = try log.begin(blocks)
                    order.note(index)
                    try share.end()
                } catch {
                    Issue.record("a reservation failed")
                }
                group.leave()
            }
            waitFor(index + 1)
        }
        #expect(order.all == [])
        try first.end()
        group.wait()
        #expect(order.all.first == 0 && order.all.count == 3)
    }

    @Test(arguments: [64, 256])
    func eightWritersDoNotDisturbEachOther(buffers: Int) throws {
        let disk = try makeDisk(makeLayout(blocks: 2000, inodes: 200))
        let system = try mountThreaded(disk, buffers: buffers)
        let free = system.freeBlocks
        onThreads(8) { thread in
            do {
                try system.makeDirectory("/t\(thread)")
                for round in 0..<15 {
                    let path = "/t\(thread)/f\(round % 3)"
                    let content = pattern(500 + round * 700, seed: thread * 100 + round)
                    try system.write(content, to: path)
                    #expect(try system.contents(of: path) == content)
                    try system.link(path, "/x\(thread)")
                    try system.unlink("/x\(thread)")
                    if round % 3 == 2 { for index in 0..<3 { try system.unlink("/t\(thread)/f\(index)") } }
                }
                try system.unlink("/t\(thread)")
            } catch {
                Issue.record("thread \(thread): \(error)")
            }
        }
        #expect(system.freeInodes == 198)
        #expect(free - system.freeBlocks <= 1)  // the root directory may have grown
        #expect(system.inodesInUse == 0)
        try system.synchronize()
        #expect(try findings(disk) == [])
    }

    @Test func theSameNamesFromAllSides() throws {
        let disk = try makeDisk(makeLayout(blocks: 1500, inodes: 100, log: 30))
        let system = try mountThreaded(disk)
        onThreads(8) { thread in
            var random = Seeded(UInt64(thread))
            for _ in 0..<150 {
                let a = "/n\(Int.random(in: 0..<4, using: &random))"
                let b = "/n\(Int.random(in: 0..<4, using: &random))"
                // Anything may fail here, since the others do the same; nothing may break.
                switch Int.random(in: 0..<8, using: &random) {
                case 0: try? system.write(pattern(3000, seed: thread), to: a)
                case 1: try? system.unlink(a)
                case 2: try? system.link(a, b)
                case 3: try? system.makeDirectory(a)
                case 4: try? system.touch(a + "/x")
                case 5: try? system.unlink(a + "/x")
                case 6: _ = try? system.contents(of: a)
                default: if let file = try? system.open(a, [.truncate, .writeOnly]) { _ = consume file }
                }
            }
        }
        #expect(system.inodesInUse == 0)
        try system.synchronize()
        #expect(try findings(disk).map { "\($0)" } == [])
    }

    @Test func concurrentCallsCommitTogether() throws {
        let disk = try makeDisk(makeLayout(inodes: 200))
        let system = try mountThreaded(disk)
        for thread in 0..<4 { try system.touch("/f\(thread)") }
        disk.startRecording()
        onThreads(4) { thread in
            guard let file = try? system.open("/f\(thread)", [.readWrite]) else { return }
            for round in 0..<25 { #expect(system.write(file.inode, at: round * 100, pattern(100)).error == nil) }
            _ = consume file
        }
        let flushes = disk.stopRecording().filter { if case .flush = $0 { true } else { false } }.count
        // Alone each of the 100 writes takes two flushes and its share of the checkpoints.
        #expect(flushes <= 300)
        for thread in 0..<4 { #expect(try system.contents(of: "/f\(thread)").count == 2500) }
    }

    @Test func appendersToOneFileLoseNothing() throws {
        let system = try mountThreaded(makeDisk())
        try system.touch("/log")
        onThreads(4) { thread in
            guard let file = try? system.open("/log", [.readWrite]) else { return }
            for index in 0..<40 {
                #expect(
                    system.write(file.inode, at: 0, [UInt8](repeating: UInt8(thread), count: 1500 + index)).error == nil
                )
            }
            _ = consume file
        }
        // Each write was a transaction under the inode's lock: the first 1500 bytes are one writer's.
        let content = try system.contents(of: "/log")
        #expect(content.count == 1539)
        #expect(Set(content.prefix(1500)).count == 1)
    }
}
