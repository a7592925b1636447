// System calls about files, descriptors and directories.

import FileSystem
import SystemInterface

enum FileCalls {
    /// Device numbers that may be opened, whether or not there is a driver: xv6's NDEV.
    private static let majors: Range<Int16> = 0..<10

    private static func file(_ descriptor: Int32) throws(SystemError) -> OpenFileRef {
        guard let file = current.pointee.files[descriptor] else { throw .badDescriptor }
        return file
    }

    private static var workingDirectory: InodeReference { current.pointee.workingDirectory.unsafelyUnwrapped }

    static func read(_ descriptor: Int32, to buffer: UserAddress, count: Int32) throws(SystemError) -> Int {
        try file(descriptor).pointee.read(to: buffer, count: count)
    }

    static func write(_ descriptor: Int32, from buffer: UserAddress, count: Int32) throws(SystemError) -> Int {
        try file(descriptor).pointee.write(from: buffer, count: count)
    }

    static func open(_ path: UserAddress, flags: Int32) throws(SystemError) -> Int {
        let flags = OpenFlags(rawValue: UInt32(bitPattern: flags))
        // What is to be emptied is not emptied in vain.
        if flags.contains(.truncate), current.pointee.files.count == Limit.openFilesPerProcess { throw .tooManyFiles }
        let opened = try withPath(path) { (path) throws(SystemError) in
            try FileStore.system.open(path, flags, from: workingDirectory)
        }
        let kind: FileKind = opened.type == .device ? .device(opened.inode, major: opened.major) : .inode(opened.inode)
        do throws(SystemError) {
            guard opened.type != .device || Self.majors.contains(opened.major) else { throw .noSuchDevice }
            let file = try OpenFiles.make(kind, readable: flags.readable, writable: flags.writable)
            return try add(file)
        } catch {
            // Once made, the file holds the inode: then `add` has released both.
            if error != .tooManyFiles { FileStore.system.release(opened.inode) }
            throw error
        }
    }

    /// Gives the running process a descriptor for a file, or releases the file.
    static func add(_ file: OpenFileRef) throws(SystemError) -> Int {
        do throws(SystemError) {
            return Int(try current.pointee.files.add(file))
        } catch {
            OpenFiles.release(file)
            throw error
        }
    }

    static func close(_ descriptor: Int32) throws(SystemError) -> Int {
        guard let file = current.pointee.files.remove(descriptor) else { throw .badDescriptor }
        OpenFiles.release(file)
        return 0
    }

    static func duplicate(_ descriptor: Int32) throws(SystemError) -> Int {
        let file = try file(descriptor)
        OpenFiles.retain(file)
        return try add(file)
    }

    /// pipe: two descriptors, the read end's first, stored as two ints.
    static func pipe(descriptorsAt address: UserAddress) throws(SystemError) -> Int {
        let pipe = try Pipes.make()
        let readEnd: OpenFileRef
        do throws(SystemError) {
            readEnd = try OpenFiles.make(.pipe(pipe, writeEnd: false), readable: true, writable: false)
        } catch {
            _ = pipe.pointee.close(writeEnd: false)
            if pipe.pointee.close(writeEnd: true) { Pipes.release(pipe) }
            throw error
        }
        let writeEnd: OpenFileRef
        do throws(SystemError) {
            writeEnd = try OpenFiles.make(.pipe(pipe, writeEnd: true), readable: false, writable: true)
        } catch {
            _ = pipe.pointee.close(writeEnd: true)
            OpenFiles.release(readEnd)
            throw error
        }
        let read: Int
        do throws(SystemError) {
            read = try add(readEnd)
        } catch {
            OpenFiles.release(writeEnd)
            throw error
        }
        let write: Int
        do throws(SystemError) {
            write = try add(writeEnd)
        } catch {
            _ = try close(Int32(read))
            throw error
        }
        do throws(SystemError) {
            try address.store((Int32(read), Int32(write)))
        } catch {
            _ = try close(Int32(read))
            _ = try close(Int32(write))
            throw error
        }
        return 0
    }

    static func status(_ descriptor: Int32, to address: UserAddress) throws(SystemError) -> Int {
        let status = try file(descriptor).pointee.status()
        // The 24 bytes of struct stat: ABI.md.
        let words: (UInt64, UInt64, UInt64) = (
            UInt64(UInt32(bitPattern: status.device)) | UInt64(status.inode) << 32,
            UInt64(UInt16(bitPattern: status.type)) | UInt64(UInt16(bitPattern: status.linkCount)) << 16,
            status.size
        )
        try address.store(words)
        return 0
    }

    static func changeDirectory(_ path: UserAddress) throws(SystemError) -> Int {
        let directory = try withPath(path) { (path) throws(SystemError) in
            try FileStore.system.openDirectory(path, from: workingDirectory)
        }
        FileStore.system.release(workingDirectory)
        current.pointee.workingDirectory = directory
        return 0
    }

    static func makeDirectory(_ path: UserAddress) throws(SystemError) -> Int {
        try withPath(path) { (path) throws(SystemError) in
            try FileStore.system.makeDirectory(path, from: workingDirectory)
        }
        return 0
    }

    static func makeNode(_ path: UserAddress, major: Int32, minor: Int32) throws(SystemError) -> Int {
        try withPath(path) { (path) throws(SystemError) in
            try FileStore.system.makeNode(
                path, major: Int16(truncatingIfNeeded: major), minor: Int16(truncatingIfNeeded: minor), from: workingDirectory)
        }
        return 0
    }

    static func link(_ old: UserAddress, as new: UserAddress) throws(SystemError) -> Int {
        try withPath(old) { (old) throws(SystemError) in
            try withPath(new) { (new) throws(SystemError) in
                try FileStore.system.link(old, as: new, from: workingDirectory)
            }
        }
        return 0
    }

    static func unlink(_ path: UserAddress) throws(SystemError) -> Int {
        try withPath(path) { (path) throws(SystemError) in
            try FileStore.system.unlink(path, from: workingDirectory)
        }
        return 0
    }

    /// disk_read: a block of the disk, past the file system.
    static func readDisk(block: UInt64, to buffer: UserAddress) throws(SystemError) -> Int {
        let disk = KernelDisk()
        guard block < UInt64(disk.blockCount) else { throw .invalidArgument }
        guard let page = Pages.allocate() else { throw .noMemory }
        defer { Pages.release(page) }
        try disk.read(1) { _ in BlockRequest(block: UInt32(block), memory: page.pointer) }
        guard buffer.copyOut(from: page.pointer, count: blockSize) == blockSize else { throw .badAddress }
        return Int(disk.blockCount)
    }
}
