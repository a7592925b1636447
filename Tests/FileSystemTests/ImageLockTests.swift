// Images that are in use: the host tools leave them alone, as QEMU leaves theirs.

import DiskImage
import Foundation
import TestSupport
import Testing

@Suite struct ImageLockTests {
    /// An image with one file, and what runs the tools on it.
    private let folder: URL
    private let image: String
    private let file: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        image = folder.appendingPathComponent("fs.img").path
        file = folder.appendingPathComponent("file").path
        try Data(pattern(3000)).write(to: URL(fileURLWithPath: file))
        #expect(try run("mkfs", image, file).status == 0)
        try Data(pattern(3000, seed: 2)).write(to: URL(fileURLWithPath: file))
    }

    private func run(_ tool: String, _ arguments: String...) throws -> (status: Int32, messages: String) {
        try run(tool, arguments)
    }

    private func run(_ tool: String, _ arguments: [String]) throws -> (status: Int32, messages: String) {
        let tool = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent(tool)
        let child = try Child([tool.path] + arguments, output: .nothing, errors: .pipe)
        var messages: [UInt8] = []
        while let bytes = Child.next(from: child.errors, seconds: 60), !bytes.isEmpty { messages += bytes }
        let status = try #require(child.status(within: 60))
        return (status, String(decoding: messages, as: UTF8.self))
    }

    /// Locks bytes of the image as QEMU does, for reading; the descriptor holds the locks.
    private func hold(_ bytes: [Int]) throws -> FileHandle {
        let handle = try #require(FileHandle(forUpdatingAtPath: image))
        for byte in bytes {
            var lock = flock()
            lock.l_type = Int16(F_RDLCK)
            lock.l_start = off_t(byte)
            lock.l_len = 1
            let status = unsafe fcntl(handle.fileDescriptor, 37, &lock)  // F_OFD_SETLK; a variable's own place
            #expect(status == 0)
        }
        return handle
    }

    private func expectRefusal(_ status: Int32, _ tool: String, _ arguments: String...) throws {
        let before = try Data(contentsOf: URL(fileURLWithPath: image))
        let process = try run(tool, arguments)
        #expect(process.status == status, "\(tool) \(arguments)")
        #expect(process.messages.contains("\(image): in use by a running guest or another tool"), "\(process.messages)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: image)) == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["file", "fs.img"])
    }

    /// A guest that writes: QEMU uses reading, writing and resizing, and shares neither of the last two.
    @Test func noToolOpensTheImageOfAGuestThatWrites() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let guest = try hold([100, 101, 103, 201, 203])
        try expectRefusal(3, "mkfs", "--update", image, file)
        try expectRefusal(3, "mkfs", "--list", image)
        try expectRefusal(3, "mkfs", image, file)
        try expectRefusal(3, "mkfs", "--remove", image)
        try expectRefusal(8, "fsck", image)
        try guest.close()
        #expect(try run("mkfs", "--update", image, file).status == 0)
        #expect(try run("fsck", image).status == 0)
    }

    /// Readers stand beside readers, and keep writers out.
    @Test func guestThatOnlyReadsKeepsWritersOut() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let guest = try hold([100, 201])
        #expect(try run("fsck", image).status == 0)
        try expectRefusal(3, "mkfs", "--update", image, file)
        try guest.close()
    }

    /// What QEMU asks for when it starts is refused while a tool works.
    @Test(arguments: [true, false]) func toolHoldsWhatQEMUAsksFor(writable: Bool) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let disk = try FileDisk(image, writable: writable)
        let handle = try #require(FileHandle(forUpdatingAtPath: image))
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_start = 201
        lock.l_len = 1
        let status = unsafe fcntl(handle.fileDescriptor, 36, &lock)  // F_OFD_GETLK; a variable's own place
        #expect(status == 0)
        #expect(lock.l_type != Int16(F_UNLCK))
        #expect(throws: ImageInUse.self) { try FileDisk(image, writable: true) }
        withExtendedLifetime(disk) {}
    }

    /// An image that is made keeps its lock from the first byte until it has its name.
    @Test func unfinishedImageIsNotEmptiedUnderItsMaker() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let unfinished = image + ".unfinished"
        let disk = try FileDisk(unfinished, writable: true, blocks: 100)
        let result = try run("mkfs", image, file)
        #expect(result.status == 3)
        #expect(disk.blockCount == 100)
        #expect(try FileManager.default.attributesOfItem(atPath: unfinished)[.size] as? Int == 100 * 1024)
    }

    @Test func removeTakesImagesAway() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(try run("mkfs", "--remove", image, folder.path + "/none").status == 0)
        #expect(!FileManager.default.fileExists(atPath: image))
    }
}
