//! How far each reader of foreign logs has come, as of the last block: what came after is in the log.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::bytes::{Bytes, Corrupt, put_text, put_varint};
use crate::disk::Disk;
use crate::folder::write_new;
use crate::frame;
use crate::status::Damage;

/// The file's name.
pub(super) const FILE: &str = "positions";
/// What it begins with.
const MAGIC: &[u8; 8] = b"VIGLPS\0\x01";

/// Position by reader.
pub type Positions = BTreeMap<String, Vec<u8>>;

/// Writes all of them, durably.
pub fn write(dir: &Path, disk: &Disk, positions: &Positions) -> io::Result<()> {
    let mut body = Vec::new();
    put_varint(&mut body, positions.len() as u64);
    for (reader, position) in positions {
        put_text(&mut body, reader);
        put_varint(&mut body, position.len() as u64);
        body.extend_from_slice(position);
    }
    let mut file = MAGIC.to_vec();
    frame::put(&mut file, &body);
    write_new(disk, &dir.join(FILE), &file).map(drop)
}

/// Reads them; a file that is damaged is set aside and named, and the readers begin again.
pub fn read(dir: &Path, damaged: &mut Vec<Damage>) -> io::Result<Positions> {
    let path = dir.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Positions::new()),
        Err(error) => return Err(error),
    };
    match parse(&bytes) {
        Ok(positions) => Ok(positions),
        Err(error) => {
            fs::rename(&path, path.with_extension("damaged"))?;
            let what = format!(
                "{error}; set aside as {FILE}.damaged, readers begin again from what the log says"
            );
            damaged.push(Damage { file: FILE.into(), what });
            Ok(Positions::new())
        }
    }
}

/// What the file's bytes say.
pub fn parse(bytes: &[u8]) -> Result<Positions, Corrupt> {
    if !bytes.starts_with(MAGIC) {
        return Err(Corrupt("it does not begin like positions"));
    }
    let found = frame::scan(bytes, MAGIC.len());
    let [body] = &found.bodies[..] else { return Err(Corrupt("its checksum does not hold")) };
    let mut body = Bytes(bytes.get(body.clone()).unwrap_or_default());
    let count = body.count()?;
    let mut positions = Positions::new();
    for _ in 0..count {
        let reader = body.text()?.to_owned();
        let length = body.length()?;
        positions.insert(reader, body.take(length)?.to_vec());
    }
    Ok(positions)
}
